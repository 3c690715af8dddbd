"""How is the sandbox started and ended? `python -m app.sandbox`: a uvicorn server a workspace, in one event loop."""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from app.sandbox import apis, settings
from app.sandbox.app import make_app
from app.sandbox.faults import Faults
from app.sandbox.journal import Requests
from app.sandbox.world import World

PLAN = {"dev": "aws", "prod": "azure"}


class _Connection(HttpToolsProtocol):
    """Tells the application its transport: a lost answer is a connection closed without a word."""

    def on_headers_complete(self) -> None:
        self.scope["state"]["transport"] = self.transport
        super().on_headers_complete()


class _Server(uvicorn.Server):
    """One of several in a loop, so the signals are the program's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> None:
    """Parse the arguments and run until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m app.sandbox", description=__doc__)
    parser.add_argument("--state", type=Path, required=True, help="folder that holds everything")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument(
        "--port", action="append", default=[], type=_read_port, metavar="NAME=PORT", help="0: a free one"
    )
    parser.add_argument("--beside-dev", metavar="NAME", help="a third workspace, on the metastore of dev")
    parser.add_argument("--visibility-seconds", type=float, help="how late a consumer sees what was shared")
    parser.add_argument("--oauth-token-seconds", type=int, help="how long an OAuth token lives")
    arguments = parser.parse_args()
    unknown = [name for name, _ in arguments.port if name not in (*PLAN, arguments.beside_dev)]
    if unknown:
        parser.error(f"no such workspace: {', '.join(unknown)}")
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> None:
    plan = {**PLAN, **({arguments.beside_dev: "aws"} if arguments.beside_dev else {})}
    world = World(arguments.state.resolve(), plan)
    wanted = {name: getattr(arguments, name) for name in ("visibility_seconds", "oauth_token_seconds")}
    settings.change(world.state, {name: value for name, value in wanted.items() if value is not None})
    ports = dict(arguments.port)
    sockets = {name: _listen(world, name, arguments.host, ports.get(name)) for name in plan}
    await asyncio.to_thread(apis.start, world)
    faults, requests = Faults(), Requests()
    servers = {name: _make_server(world, name, faults, requests) for name in plan}
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, _end, list(servers.values()))
    try:
        serving = [asyncio.create_task(server.serve([sockets[name]])) for name, server in servers.items()]
        await _announce(world, list(servers.values()))
        await asyncio.gather(*serving)
    finally:
        await asyncio.to_thread(apis.stop, world)
        world.state.close()


def _read_port(text: str) -> tuple[str, int]:
    name, _, port = text.partition("=")
    return name, int(port)


def _listen(world: World, name: str, host: str, port: int | None) -> socket.socket:
    # Named as TCP and without delay: asyncio sets it only on sockets that say so, and answers took 40 ms [RUN].
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    wanted = world.workspaces[name].port if port is None else port
    try:
        listening.bind((host, wanted))
    except OSError as problem:
        raise SystemExit(f"The port {wanted} of workspace {name} cannot be had: {problem}") from None
    listening.listen(2048)
    world.listen(name, host, listening.getsockname()[1])
    return listening


def _make_server(world: World, name: str, faults: Faults, requests: Requests) -> _Server:
    return _Server(
        uvicorn.Config(
            make_app(world, name, faults, requests),
            http=_Connection,
            lifespan="off",
            log_level="warning",
            timeout_graceful_shutdown=1,
        )
    )


async def _announce(world: World, servers: list[_Server]) -> None:
    while not all(server.started for server in servers):  # noqa: ASYNC110  uvicorn tells it by a flag only
        await asyncio.sleep(0.01)
    file, draft = world.folder / "sandbox.json", world.folder / "sandbox.json.new"
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as writing:
        json.dump({"workspaces": _describe(world)}, writing, indent=2)
    draft.replace(file)
    print(f"{'workspace':<12}{'cloud':<8}{'host':<26}admin token (also in {file})")
    for name, known in _describe(world).items():
        print(f"{name:<12}{known['cloud']:<8}{known['host']:<26}{known['token']}", flush=True)


def _describe(world: World) -> dict[str, dict[str, Any]]:
    return {
        name: {
            "host": workspace.host,
            "cloud": workspace.metastore.cloud,
            "token": workspace.admin_token,
            "workspace_id": workspace.id,
            "global_metastore_id": workspace.metastore.global_id,
        }
        for name, workspace in world.workspaces.items()
    }


def _end(servers: list[_Server]) -> None:
    for server in servers:
        server.should_exit = True


if __name__ == "__main__":
    main()
