"""Bringing the database to the release's revision; forward only."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.script.revision import ResolutionError
from alembic.util import CommandError

from app.store.database import make_engine

SCRIPTS = Path(__file__).resolve().parents[2] / "migrations"


class DatabaseIsNewer(Exception):
    """The database has been migrated by a later release than this one, which would misread it."""


def upgrade(url: str) -> None:
    """Apply every migration that the database at `url` lacks, all or none; a second time changes nothing.

    Processes that start at once take turns. Raises `DatabaseIsNewer` where a later release has been before.
    """
    if _is_current(url):
        return
    try:
        command.upgrade(configuration(url), "head")
    except CommandError as error:
        if not isinstance(error.__cause__, ResolutionError):
            raise
        raise DatabaseIsNewer(
            f"The database is at revision {error.__cause__.argument}, which this release does not know: a later release"
            " has migrated it. Start that release or a later one."
        ) from error


def configuration(url: str) -> Config:
    """Alembic's settings without a file of their own."""
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.set_main_option("sqlalchemy.url", url.replace("%", "%%"))
    return config


def _is_current(url: str) -> bool:
    """Whether there is nothing to do, as at almost every start: told without reading every migration."""
    engine = make_engine(url)
    try:
        with engine.connect() as connection:
            return MigrationContext.configure(connection).get_current_heads() == heads()
    finally:
        engine.dispose()


@cache
def heads() -> tuple[str, ...]:
    """The revision that this release's migrations lead to."""
    return tuple(ScriptDirectory(str(SCRIPTS)).get_heads())
