"""What commands share: how they speak, how they tell mistakes of the configuration, how they open the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import typer
from rich.console import Console

from app import configuration, settings
from app.configuration import ConfigurationInvalid
from app.domain.workspaces import list_needs
from app.store import connection, migrations

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


def check(path: Path) -> None:
    """Put the file in force, or print every mistake in it and end with exit code 1."""
    with _saying_mistakes():
        configuration.use(path)


def check_needs() -> None:
    """The file can be used, and declares what operations under way need; otherwise end with exit code 1."""
    open_database()
    with _saying_mistakes():
        configuration.guard(list_needs)
    connection.disconnect()


def open_database() -> None:
    """Put the configuration in force, and connect to the database at this release's revision."""
    process = settings.current()
    check(process.config)
    migrations.upgrade(process.database_url)
    connection.connect(process.database_url)


@contextmanager
def _saying_mistakes() -> Iterator[None]:
    try:
        yield
    except ConfigurationInvalid as invalid:
        for mistake in invalid.mistakes:
            errors.print(f"[red]{mistake}[/red]", soft_wrap=True)
        raise typer.Exit(1) from invalid
