"""Commands about the configuration file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from app import configuration, settings
from app.cli.terminal import check, console

app = typer.Typer(help="The configuration file.", no_args_is_help=True)


@app.command("check")
def check_config(
    path: Annotated[Path | None, typer.Argument(help="The file; CAUSEWAY_CONFIG otherwise.")] = None,
) -> None:
    """Say what is wrong with the configuration file, every mistake at once."""
    chosen = path or settings.current().config
    check(chosen)
    console.print(f"{chosen.name} can be used.")


@app.command("schema")
def print_schema() -> None:
    """Print the file's JSON Schema, for editors."""
    sys.stdout.write(configuration.schema())
