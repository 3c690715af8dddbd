"""Whether this process can do its work now."""

from app.domain.audit.seals import count_waiting as count_waiting_heads
from app.domain.audit.seals import describe as describe_seals
from app.domain.executors import count_living as count_workers
from app.store import connection
from app.workspaces.clients import list_unanswering

__all__ = ["count_waiting_heads", "count_workers", "describe_seals", "is_ready", "list_unanswering"]


def is_ready() -> bool:
    """Whether the database answers; workspaces that are down do not make the service unready."""
    return connection.is_reachable()
