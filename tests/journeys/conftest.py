"""Two workspaces and the service between them, one pair for all tests of a worker; and models to serve in prod."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from app import configuration
from tests.journeys.mortal_services import MortalWorld
from tests.journeys.served_models import Models as Models
from tests.journeys.served_models import log_models
from tests.journeys.stories import STORIES, Passage, play
from tests.journeys.upstream_calls import Calls, list_calls
from tests.two_workspaces import TwoWorkspaces

Undisturbed = Callable[[str], "Calm"]
Report = Callable[..., None]


@dataclass(frozen=True)
class Calm:
    """A passage that nothing disturbed: by stage, what came of it, and which calls its steps made upstream."""

    passage: Passage
    told: dict[str, dict[str, Any]]
    calls: dict[str, Calls]


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TwoWorkspaces]:
    """Shared by the tests of the groups `sharing` and `serving`: what they make has names of its own."""
    running = TwoWorkspaces(tmp_path_factory.mktemp("two_workspaces"), "--visibility-seconds", "1")
    yield running
    running.stop()


@pytest.fixture
def as_the_service(world: TwoWorkspaces, monkeypatch: pytest.MonkeyPatch) -> TwoWorkspaces:
    """The same, where this process has the service's configuration and secrets."""
    for name, secret in world.secrets.items():
        monkeypatch.setenv(name, secret)
    configuration.use(world.service.configuration_path)
    return world


@pytest.fixture(scope="session")
def models(world: TwoWorkspaces) -> Models:
    return log_models(world)


@pytest.fixture
def faults(world: TwoWorkspaces) -> Iterator[TwoWorkspaces]:
    """The same, for a test that has the sandbox misbehave."""
    yield world
    for workspace in ("dev", "prod"):
        assert world.sandbox.call(workspace, "DELETE", "/__sandbox/faults").status_code == 200


@pytest.fixture(scope="session")
def mortal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalWorld]:
    """Shared by the matrices: services that die, and a sandbox that they alone may spoil."""
    running = MortalWorld(tmp_path_factory.mktemp("mortal"))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def mortal_models(mortal: MortalWorld) -> Models:
    return log_models(mortal, "demand")


@pytest.fixture(scope="session")
def undisturbed(mortal: MortalWorld, mortal_models: Models) -> Undisturbed:
    """Plays a story undisturbed, once: what came of each stage, to hold others against."""
    played: dict[str, Calm] = {}

    def get(name: str) -> Calm:
        if name not in played:
            story = STORIES[name]
            calm = Calm(Passage(mortal, mortal.service, mortal_models), {}, {})
            story.prepare(calm.passage)
            for stage in story.stages:
                since = time.time_ns() // 1_000_000
                calm.told[stage] = play(story, calm.passage, stage)
                assert calm.passage.operations[stage]["state"] == story.ends_as, calm.told[stage]
                calm.calls[stage] = list_calls(calm.passage, stage, since)
            played[name] = calm
        return played[name]

    return get


@pytest.fixture
def matrix(record_property: Callable[[str, object], None]) -> Iterator[Report]:
    """Counts what a test of the matrices did, for the tally at the end of the run."""
    started, tally = time.time(), Counter[str]()

    def report(compared: tuple[list[str], list[str], list[str]], **counted: int) -> None:
        twice, never, _ = compared
        tally.update({name.replace("_", " "): number for name, number in counted.items()})
        tally.update(duplicates=len(twice), losses=len(never))

    yield report
    record_property("matrix", {**tally, "span": [started, time.time()]})
