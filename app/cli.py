"""`causeway`: the program. It starts the service or the sandbox, keeps the house, and plays the demo."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from socket import socket
from typing import Annotated

import typer
import uvicorn
from rich.console import Console
from rich.table import Table

from app import configuration, demo, durable, settings
from app.configuration import ConfigurationInvalid
from app.domain import api_keys, changes
from app.domain.workspaces import list_needs
from app.errors import Problem
from app.main import VERSION, create_app, run_worker
from app.store import connection, migrations

app = typer.Typer(help=__doc__, no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False)
config_app = typer.Typer(help="The configuration file.", no_args_is_help=True)
keys_app = typer.Typer(help="API keys, on the database itself: how the first one is made.", no_args_is_help=True)
app.add_typer(config_app, name="config")
app.add_typer(keys_app, name="keys")
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind; CAUSEWAY_HOST otherwise.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind; CAUSEWAY_PORT otherwise.")] = None,
) -> None:
    """Run the service: the API, and on SQLite its workflows too; on PostgreSQL those are the workers' part."""
    process = settings.current()
    _check_needs()
    config = uvicorn.Config(
        "app.main:create_app",
        factory=True,
        host=host or process.host,
        port=port if port is not None else process.port,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=5,
    )
    server = _Server(config)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise typer.Exit(3)


@app.command()
def worker(
    metrics_port: Annotated[
        int | None, typer.Option(help="Serve /metrics on this port of CAUSEWAY_HOST; a health check may ask it too.")
    ] = None,
) -> None:
    """Run workflows for the service's replicas, on the PostgreSQL database that they share."""
    process = settings.current()
    if not process.is_shared:
        errors.print("A worker needs CAUSEWAY_DATABASE_URL. On SQLite, `causeway serve` runs the workflows itself.")
        raise typer.Exit(2)
    _check_needs()
    run_worker(metrics_port)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True}, add_help_option=False)
def sandbox(context: typer.Context) -> None:
    """Start two Databricks workspaces to practise on; `causeway sandbox --help` lists its options."""
    # A program of its own: it imports mlflow, which this one never does.
    os.execv(sys.executable, [sys.executable, "-m", "app.sandbox", *context.args])  # noqa: S606


@app.command("demo")
def play_demo(
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave sandbox and service running, and say how to use them.")
    ] = False,
    trials: Annotated[int, typer.Option(min=2, max=1000, help="How many configurations AutoML tries.")] = 20,
) -> None:
    """Play the bike-sharing story against the sandbox: train, publish, accept, score, serve, compare."""
    raise typer.Exit(demo.play(keep, trials))


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


@config_app.command("check")
def check_config(
    path: Annotated[Path | None, typer.Argument(help="The file; CAUSEWAY_CONFIG otherwise.")] = None,
) -> None:
    """Say what is wrong with the configuration file, every mistake at once."""
    chosen = path or settings.current().config
    _check(chosen)
    console.print(f"{chosen.name} can be used.")


@config_app.command("schema")
def print_schema() -> None:
    """Print the file's JSON Schema, for editors."""
    sys.stdout.write(configuration.schema())


@keys_app.command("create")
def create_key(
    principal: Annotated[str, typer.Argument(help="person:<email> or service:<name>.")],
    project: Annotated[list[str] | None, typer.Option(help="Limit the key to these projects.")] = None,
    days: Annotated[int, typer.Option(min=1, max=730, help="How long it is valid.")] = 90,
) -> None:
    """Make a key and show it once, on standard output alone."""
    _open()
    try:
        made = api_keys.create(principal, project or None, days, created_by="operator:cli")
    except Problem as problem:
        errors.print(f"[red]{problem.detail}[/red]")
        raise typer.Exit(1) from problem
    errors.print(f"Key {made.id} for {principal}, valid for {days} days. It is shown this once:")
    sys.stdout.write(made.token + "\n")


@keys_app.command("list")
def list_keys() -> None:
    """List the keys: whose, until when, last used."""
    _open()
    table = Table("id", "principal", "projects", "expires", "last used", "revoked")
    for key in api_keys.list_keys():
        projects = "all of the principal's" if key.projects is None else ", ".join(key.projects)
        times = [f"{at:%Y-%m-%d %H:%M}" if at else "" for at in (key.expires_at, key.last_used_at, key.revoked_at)]
        table.add_row(key.id, key.principal, projects, *times)
    console.print(table)


@keys_app.command("revoke")
def revoke_key(key_id: Annotated[str, typer.Argument(help="The key's id, as `list` shows it.")]) -> None:
    """End a key; running services notice within seconds."""
    _open()
    if not api_keys.revoke(key_id, revoked_by="operator:cli"):
        errors.print(f"[red]There is no key {key_id}.[/red]")
        raise typer.Exit(1)
    console.print(f"Key {key_id} is revoked.")


class _Server(uvicorn.Server):
    """A server that ends long polls and event streams when it is to stop: otherwise it would wait for their clients."""

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """As its own, with nobody left waiting."""
        changes.close()
        await super().shutdown(sockets)


def _check(path: Path) -> None:
    with _saying_mistakes():
        configuration.use(path)


def _check_needs() -> None:
    """The file can be used, and declares what operations under way need."""
    _open()
    with _saying_mistakes():
        configuration.guard(list_needs)
    connection.disconnect()


@contextmanager
def _saying_mistakes() -> Iterator[None]:
    try:
        yield
    except ConfigurationInvalid as invalid:
        for mistake in invalid.mistakes:
            errors.print(f"[red]{mistake}[/red]", soft_wrap=True)
        raise typer.Exit(1) from invalid


def _open() -> None:
    process = settings.current()
    _check(process.config)
    migrations.upgrade(process.database_url)
    connection.connect(process.database_url)


if __name__ == "__main__":
    app()
