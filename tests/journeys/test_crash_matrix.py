"""A process that dies at any boundary of any step: what was asked for happens, and happens once.

In turn on SQLite, one operation dies at every boundary that it has; apart, each dies at one of them, on both databases:
a sample of one a workflow, or all of them where the environment says `CHAOS`.
"""

from __future__ import annotations

import os
import random
import sqlite3
from pathlib import Path

import pytest
import yaml

from tests.crashing import BEFORE, EACH, HAND_OVER, NONE, Point
from tests.journeys.conftest import Models, Report, Undisturbed
from tests.journeys.mortal_services import MortalWorld
from tests.journeys.stories import STORIES, Passage, compare, list_points, play

HISTORIES = Path(__file__).with_name("workflow_histories.yaml")
SEED = 9
# Beside the lost answers: both are held against the same undisturbed passages.
pytestmark = pytest.mark.xdist_group("matrices")


@pytest.mark.parametrize("name", STORIES)
def test_the_steps_of_a_workflow_are_those_that_stored_histories_hold(undisturbed: Undisturbed, name: str) -> None:
    passage = undisturbed(name).passage
    committed = yaml.safe_load(HISTORIES.read_text())

    for stage in passage.operations:
        points = passage.service.crashes.points(passage.operations[stage]["id"])
        steps = [step for step, moment in points if moment == BEFORE and not step.startswith(HAND_OVER)]
        assert steps == committed[stage], "CONTRIBUTING says what a change of steps needs"
        if not STORIES[name].cut_short:
            assert steps == _stored_steps(passage, stage)


@pytest.mark.parametrize("name", STORIES)
def test_an_operation_that_dies_at_each_of_its_boundaries_in_turn_ends_as_if_nothing_had_been(
    mortal: MortalWorld, mortal_models: Models, undisturbed: Undisturbed, matrix: Report, name: str
) -> None:
    story, calm = STORIES[name], undisturbed(name)
    passage = Passage(mortal, mortal.service, mortal_models)
    story.prepare(passage)

    for stage in story.stages:
        deaths = _die(passage, EACH)
        found = play(story, passage, stage)
        died = passage.service.deaths - deaths
        _die(passage, NONE)
        compared = compare(calm.told[stage], found)
        matrix(crashes=died, operations=1, compared=compared)
        assert compared == ([], [], [])
        assert set(list_points(story, passage, stage)) == set(list_points(story, calm.passage, stage))
        assert died == len(passage.service.crashes.points(passage.operations[stage]["id"]))


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@pytest.mark.parametrize("name", STORIES)
def test_an_operation_that_dies_at_one_of_its_boundaries_ends_as_if_nothing_had_been(
    mortal: MortalWorld, mortal_models: Models, undisturbed: Undisturbed, matrix: Report, name: str, database: str
) -> None:
    story, calm = STORIES[name], undisturbed(name)
    points = {stage: list_points(story, calm.passage, stage) for stage in story.stages}

    for crashes in _choose(points, database):
        passage = Passage(mortal, mortal.get_service(database), mortal_models)
        story.prepare(passage)
        for stage, point in crashes.items():
            deaths = _die(passage, *point)
            found = play(story, passage, stage)
            # A worker that dies after the end is not missed by whoever asks how the operation stands.
            mortal.eventually(lambda: passage.service.revive() > deaths)  # noqa: B023
            died = passage.service.deaths - deaths
            _die(passage, NONE)
            compared = compare(calm.told[stage], found)
            matrix(crashes=died, operations=1, compared=compared)
            assert (point, compared) == (point, ([], [], []))
            assert (point, died) == (point, 1)


def _die(passage: Passage, *where: str) -> int:
    """Plan where the next process dies; answers how many have died so far."""
    passage.service.crashes.plan(*where)
    return passage.service.deaths


def _choose(points: dict[str, list[Point]], database: str) -> list[dict[str, Point]]:
    """A point for each stage of a passage: of one passage by the seed, or of as many as reach every point."""
    if "CHAOS" not in os.environ:
        chosen = random.Random(f"{SEED} {database}")
        return [{stage: chosen.choice(some) for stage, some in points.items()}]
    longest = max(len(some) for some in points.values())
    return [{stage: some[number % len(some)] for stage, some in points.items()} for number in range(longest)]


def _stored_steps(passage: Passage, stage: str) -> list[str]:
    """The engine's own list: were a step not observed, no crash would be planned there."""
    file = passage.service.folder / "data" / "engine.sqlite"
    query = "SELECT function_name FROM operation_outputs WHERE workflow_uuid = ? ORDER BY function_id"
    with sqlite3.connect(file) as engine:
        return [name for (name,) in engine.execute(query, [passage.operations[stage]["id"]])]
