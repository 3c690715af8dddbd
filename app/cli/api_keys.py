"""Commands about API keys, on the database itself: how the first one is made."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.table import Table

from app.cli.terminal import console, errors, open_database
from app.domain import api_keys
from app.errors import Problem

app = typer.Typer(help="API keys, on the database itself: how the first one is made.", no_args_is_help=True)


@app.command("create")
def create_key(
    principal: Annotated[str, typer.Argument(help="person:<email> or service:<name>.")],
    project: Annotated[list[str] | None, typer.Option(help="Limit the key to these projects.")] = None,
    days: Annotated[int, typer.Option(min=1, max=730, help="How long it is valid.")] = 90,
) -> None:
    """Make a key and show it once, on standard output alone."""
    open_database()
    try:
        made = api_keys.create(principal, project or None, days, created_by="operator:cli")
    except Problem as problem:
        errors.print(f"[red]{problem.detail}[/red]")
        raise typer.Exit(1) from problem
    errors.print(f"Key {made.id} for {principal}, valid for {days} days. It is shown this once:")
    sys.stdout.write(made.token + "\n")


@app.command("list")
def list_keys() -> None:
    """List the keys: whose, until when, last used."""
    open_database()
    table = Table("id", "principal", "projects", "expires", "last used", "revoked")
    for key in api_keys.list_keys():
        projects = "all of the principal's" if key.projects is None else ", ".join(key.projects)
        times = [f"{at:%Y-%m-%d %H:%M}" if at else "" for at in (key.expires_at, key.last_used_at, key.revoked_at)]
        table.add_row(key.id, key.principal, projects, *times)
    console.print(table)


@app.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="The key's id, as `list` shows it.")]) -> None:
    """End a key; running services notice within seconds."""
    open_database()
    if not api_keys.revoke(key_id, revoked_by="operator:cli"):
        errors.print(f"[red]There is no key {key_id}.[/red]")
        raise typer.Exit(1)
    console.print(f"Key {key_id} is revoked.")
