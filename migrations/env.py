"""How Alembic reaches the database: by the address that `app.store.migrations` hands over."""

from typing import Any, Literal

from alembic import context

from app.store.database import UtcDateTime, make_engine
from app.store.tables import metadata

# Any number will do, as long as every release takes the same.
ONE_AT_A_TIME = 0xCA05E3A4


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write plain SQL types: a migration must still run when our own classes have moved on."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and type(item).__name__ == "AutoString":
        return "sa.String()"
    return False


engine = make_engine(str(context.config.get_main_option("sqlalchemy.url")))
with engine.connect() as connection:
    context.configure(
        connection=connection,
        target_metadata=metadata,
        # The engine keeps its tables in a schema of the same database: they are none of ours to compare.
        include_schemas=False,
        render_as_batch=True,
        render_item=render_item,
        # On SQLite, too: what a crash interrupts is undone, and the next start finds the revision before.
        transactional_ddl=True,
    )
    with context.begin_transaction():
        if connection.dialect.name == "postgresql":
            # Processes that start together take turns: the later ones wait here, and find nothing left to do. A
            # migration may be long; what it must not do is stand in front of everybody for a table that is in use.
            connection.exec_driver_sql("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({ONE_AT_A_TIME})")
            connection.exec_driver_sql("SET LOCAL lock_timeout = '10s'")
        context.run_migrations()
engine.dispose()
