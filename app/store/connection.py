"""Opening and closing the database of this process; no transaction can be had from here."""

from __future__ import annotations

from sqlalchemy.exc import SQLAlchemyError

from app.store import database


def connect(url: str) -> None:
    """Use the database at `url`; nothing is created or migrated."""
    database.connect(url)


def disconnect() -> None:
    """Close every connection."""
    database.disconnect()


def is_reachable() -> bool:
    """Whether the database answers a trivial statement now."""
    try:
        with database.engine().connect() as connection:
            connection.exec_driver_sql("SELECT 1")
    except (SQLAlchemyError, IndexError):
        return False
    return True
