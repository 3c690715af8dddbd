"""Commands that run something for long: the service, a worker, the sandbox, the demo."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from socket import socket
from typing import Annotated

import typer
import uvicorn

from app import demo, settings
from app.cli.terminal import check_needs, errors
from app.domain import changes
from app.main import run_worker

app = typer.Typer()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to bind; CAUSEWAY_HOST otherwise.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to bind; CAUSEWAY_PORT otherwise.")] = None,
) -> None:
    """Run the service: the API, and on SQLite its workflows too; on PostgreSQL those are the workers' part."""
    process = settings.current()
    check_needs()
    config = uvicorn.Config(
        "app.main:create_app",
        factory=True,
        host=host or process.host,
        port=port if port is not None else process.port,
        access_log=False,
        log_config=None,
        # There is none, and looking for a library that speaks it takes a while.
        ws="none",
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
    check_needs()
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


class _Server(uvicorn.Server):
    """A server that ends long polls and event streams when it is to stop: otherwise it would wait for their clients."""

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        """As its own, with nobody left waiting."""
        changes.close()
        await super().shutdown(sockets)
