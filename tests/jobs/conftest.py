"""One sandbox, one team and one trained model for all tests of the jobs in a worker."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.jobs.running_jobs import Team
from tests.sandbox.running import Sandbox


@dataclass(frozen=True)
class Trained:
    """What the training job was asked and what it answered."""

    asked: dict[str, Any]
    result: dict[str, Any]

    @property
    def version(self) -> tuple[str, int]:
        return self.result["model"], self.result["version"]


@pytest.fixture(scope="session")
def team(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Team]:
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield Team(sandbox)
    sandbox.stop()


@pytest.fixture(scope="session")
def trained(team: Team) -> Trained:
    asked = team.training()
    [ended] = team.run("train", asked, person=team.runner)
    assert ended.code == 0, ended.result
    return Trained(asked, ended.result)
