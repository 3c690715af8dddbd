"""Commands about this release: its database, its API document, its number."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from app import durable, settings
from app.cli.terminal import console
from app.main import VERSION, create_app
from app.store import migrations

app = typer.Typer()


@app.command()
def migrate() -> None:
    """Bring the database to this release's revision, the engine's tables too; a second time changes nothing."""
    process = settings.current()
    migrations.upgrade(process.database_url)
    durable.migrate(process.engine_url)
    console.print("The database is at this release's revision.")


@app.command()
def openapi(
    output: Annotated[Path | None, typer.Option(help="Write to this file instead of standard output.")] = None,
) -> None:
    """Print the OpenAPI document."""
    text = json.dumps(create_app().openapi(), indent=2, sort_keys=True) + "\n"
    if output is None:
        sys.stdout.write(text)
    else:
        output.write_text(text)


@app.command()
def version() -> None:
    """Print the release."""
    console.print(VERSION)
