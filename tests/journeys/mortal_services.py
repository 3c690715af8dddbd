"""Services that die where a test says, on SQLite and on PostgreSQL, between the same two workspaces."""

from __future__ import annotations

import os
import signal
from itertools import count
from pathlib import Path
from typing import Any

from tests import postgres
from tests.crashing import NONE, Crashes
from tests.forked_programs import Forked
from tests.service_process import Service
from tests.two_workspaces import TwoWorkspaces

DATA = Path(__file__).parents[2] / "app/sandbox/data/bikeshare.csv"
RIDES = "/Volumes/main/bikes/files/rides.csv"
# Every process that starts reads them all.
AUDIENCES = 300 if "CHAOS" in os.environ else 60
# What a worker exits with that could not renew its lease in time, as on a machine that has too much to do.
FENCED = 75


class MortalService(Service):
    """A service that dies where its `crashes` say, and is brought back by `revive`."""

    target = "tests.crashing:main"

    def __init__(self, folder: Path, configured: dict[str, Any], environment: dict[str, str]) -> None:
        self.crashes = Crashes(folder / "crashes")
        self.crashes.folder.mkdir(parents=True)
        self.crashes.plan(NONE)
        self.deaths = 0
        self.worker: Forked | None = None
        super().__init__(folder, configured, {**environment, "CRASHES": str(self.crashes.folder)})

    def launch(self) -> None:
        super().launch()
        if "CAUSEWAY_DATABASE_URL" in self.environment:
            self._work()

    def revive(self) -> int:
        """Start again what has died; answers how many have died as planned so far."""
        for process, start in ((self.process, super().launch), (self.worker, self._work)):
            if process is not None and process.poll() is not None:
                assert process.returncode in (-signal.SIGKILL, FENCED), self.output()[-3000:]
                self.deaths += process.returncode != FENCED
                start()
        return self.deaths

    def stop(self) -> None:
        super().stop()
        if self.worker is not None:
            self.worker.kill()

    def _work(self) -> None:
        self.worker = self.fork("worker")


class MortalWorld(TwoWorkspaces):
    """Two workspaces and two services that die where they are told: one on SQLite, one of two processes on PostgreSQL.

    There are audiences for many passages.
    """

    service: MortalService

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.replicated: MortalService | None = None
        super().__init__(folder, "--visibility-seconds", "0")
        self.audience_numbers = count()
        self._journal: list[dict[str, Any]] = []
        content = self.sandbox.call("dev", "PUT", f"/api/2.0/fs/files{RIDES}", data=DATA.read_bytes())
        assert content.status_code == 204, content.text

    def start_service(self, folder: Path) -> MortalService:
        return MortalService(folder, self.make_configuration(), self.secrets)

    def list_effects(self) -> list[dict[str, Any]]:
        """All that happened in the sandbox so far; only what is new is asked for."""
        self._journal += self.sandbox.effects(offset=len(self._journal))
        return self._journal

    def get_service(self, database: str) -> MortalService:
        """The one on `sqlite` or on `postgresql`, which is started for the first who asks."""
        if database == "sqlite":
            return self.service
        if self.replicated is None:
            shared = {"CAUSEWAY_DATABASE_URL": postgres.new_database(), "CAUSEWAY_LEASE_SECONDS": "1"}
            self.replicated = MortalService(
                self.folder / "replicated", self.make_configuration(), {**self.secrets, **shared}
            )
        return self.replicated

    def stop(self) -> None:
        if self.replicated is not None:
            self.replicated.stop()
        super().stop()

    def make_configuration(self) -> dict[str, Any]:
        configured = super().make_configuration()
        audience = configured["projects"]["bikes"]["audiences"]["second"]
        configured["projects"]["bikes"]["audiences"] |= {f"run{number:04}": audience for number in range(AUDIENCES)}
        return configured
