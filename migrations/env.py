"""How Alembic reaches the database: by the address that `app.store.migrations` hands over."""

from typing import Any, Literal

from alembic import context
from sqlalchemy import create_engine

from app.store.database import UtcDateTime
from app.store.tables import metadata


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write plain SQL types: a migration must still run when our own classes have moved on."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and type(item).__name__ == "AutoString":
        return "sa.String()"
    return False


engine = create_engine(str(context.config.get_main_option("sqlalchemy.url")))
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, render_item=render_item)
    with context.begin_transaction():
        context.run_migrations()
engine.dispose()
