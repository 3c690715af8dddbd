"""The database goes away for a while: what is under way waits for it, and what was accepted is done all the same."""

import re
from pathlib import Path

from tests import postgres
from tests.replica_program import STEPS, start
from tests.replicas import Replicas

TOLD = "the database is unavailable"


def test_steps_and_waits_outlast_an_outage_of_the_database(tmp_path: Path) -> None:
    replicas = Replicas(tmp_path, "postgresql", lease_seconds=60)
    try:
        replicas.worker()
        waiting = start("gate", 1, tmp_path)
        working = [start("steps", number, tmp_path, seconds=0.3) for number in range(5)]
        replicas.eventually(lambda: replicas.tried(waiting, "before") and replicas.tried(working[-1], "two"))

        with postgres.outage(replicas.environment["CAUSEWAY_DATABASE_URL"]):
            replicas.open_gate()
            # Each of them has met it, and some twice.
            replicas.eventually(lambda: len(re.findall(TOLD, replicas.output())) > 2 * len(working))

        ended = replicas.end(waiting, *working)
        assert [(one.state, one.error) for one in ended] == [("SUCCEEDED", None)] * 6
        assert replicas.did() == {
            *(f"{one.id}.{step}" for one in working for step in STEPS),
            f"{waiting.id}.before",
            f"{waiting.id}.after",
        }
    finally:
        replicas.close()
