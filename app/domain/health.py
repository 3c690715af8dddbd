"""Whether this process can do its work now."""

from app.store import connection


def is_ready() -> bool:
    """Whether the database answers; workspaces that are down do not make the service unready."""
    return connection.is_reachable()
