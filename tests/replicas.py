"""Several workers on one database, or one on SQLite, with operations that tell what they did."""

import os
import signal
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import yaml

from app import configuration, durable, settings
from app.store import connection, migrations
from app.store import operations as store
from app.store.operations import LIVE, Operation
from tests import postgres
from tests.forked_programs import Forked
from tests.replica_program import CONFIGURATION
from tests.service_process import PRELOADED

DEADLINE_SECONDS = 90


class Replicas:
    """Workers that a test starts, kills, stops and continues; the test itself plays the replica of the API."""

    def __init__(self, folder: Path, database: str, lease_seconds: float = 2) -> None:
        self.folder, self.is_shared = folder, database == "postgresql"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("CAUSEWAY_")},
            "CAUSEWAY_DATA": str(folder),
            "CAUSEWAY_CONFIG": str(folder / "causeway.yaml"),
            "CAUSEWAY_LEASE_SECONDS": str(lease_seconds),
            "CAUSEWAY_SWEEP_SECONDS": "0.5",
        }
        if self.is_shared:
            self.environment["CAUSEWAY_DATABASE_URL"] = postgres.new_database()
        self.workers: list[Forked] = []
        process = settings.Settings(
            data=folder,
            CAUSEWAY_DATABASE_URL=self.environment.get("CAUSEWAY_DATABASE_URL"),
        )
        (folder / "causeway.yaml").write_text(yaml.safe_dump(CONFIGURATION))
        configuration.use(folder / "causeway.yaml")
        migrations.upgrade(process.database_url)
        connection.connect(process.database_url)
        durable.connect(process.engine_url)
        self.engine_url = process.engine_url

    def close(self) -> None:
        for worker in self.workers:
            worker.kill()
            worker.wait(timeout=20)
        durable.disconnect()
        connection.disconnect()

    def worker(self, module: str = "tests.replica_program") -> Forked:
        """Start one more, and come back when it works."""
        output = self.folder / "output.txt"
        worker = Forked(
            f"{module}:run", str(self.folder), preload=PRELOADED, environment=self.environment, output=output
        )
        self.workers.append(worker)
        ready = self.folder / f"ready.{worker.pid}"
        self.eventually(lambda: ready.exists() or worker.poll() is not None)
        assert worker.poll() is None, output.read_text()
        return worker

    def eventually(self, holds: Callable[[], object]) -> None:
        """Come back when the condition holds."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, f"waited in vain: {self.output()[-3000:]}"
            time.sleep(0.02)

    def end(self, *operations: Operation) -> list[Operation]:
        """The operations once they have ended."""
        self.eventually(lambda: all(self.get(one).state not in LIVE for one in operations))
        return [self.get(one) for one in operations]

    def get(self, operation: Operation) -> Operation:
        return store.get(operation.id)

    def did(self) -> set[str]:
        """What has been done: `<operation>.<step>`."""
        return {path.name for path in self.folder.glob("op_*")}

    def tried(self, operation: Operation, step: str) -> list[int]:
        """The processes that tried the step of the operation, in order."""
        return self.tries()[f"{operation.id}.{step}"]

    def tries(self) -> dict[str, list[int]]:
        """The processes that tried each step of each operation."""
        found: dict[str, list[int]] = defaultdict(list)
        for operation_id, step, pid in (line.split() for line in self._lines("tried.txt")):
            found[f"{operation_id}.{step}"].append(int(pid))
        return found

    def attempts(self, operation: Operation) -> list[int]:
        return [int(line.split()[1]) for line in self._lines("attempts.txt") if line.startswith(operation.id)]

    def open_gate(self) -> None:
        (self.folder / "gate").touch()

    def output(self) -> str:
        path = self.folder / "output.txt"
        return path.read_text() if path.exists() else ""

    def _lines(self, name: str) -> list[str]:
        path = self.folder / name
        return path.read_text().splitlines() if path.exists() else []


def stop(worker: Forked) -> None:
    """Suspend it, as a machine that hangs would."""
    worker.send_signal(signal.SIGSTOP)


def resume(worker: Forked) -> None:
    worker.send_signal(signal.SIGCONT)
