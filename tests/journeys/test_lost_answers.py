"""Answers that are lost after the work was done, and calls that are refused or throttled: what happens, happens once.

In `make test` a sample of the calls of each step lose their answers, and another is refused, but for one call of each
workflow, which is throttled; where the environment says `CHAOS`, each call is spoiled in all three ways.
"""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import pytest

from tests.crashing import NONE
from tests.journeys.conftest import Models, Report, Undisturbed
from tests.journeys.mortal_services import MortalWorld
from tests.journeys.stories import STORIES, Passage, compare, play
from tests.journeys.upstream_calls import (
    ACCEPTANCE,
    LOST,
    REFUSED,
    THROTTLED,
    Calls,
    Spoiled,
    list_rounds,
    list_seen,
    make_rules,
)

SEED = 9
STATUS = {0: "lost_answers", 503: "refusals", 429: "refusals"}
# What a cancel meets before its own steps is publishing, whose calls are spoiled in its own story.
WITH_CALLS = [name for name in STORIES if name != "stopping"]
pytestmark = pytest.mark.xdist_group("matrices")


@pytest.mark.parametrize("name", WITH_CALLS)
def test_a_call_whose_answer_is_lost_or_that_is_refused_changes_nothing(
    mortal: MortalWorld, mortal_models: Models, undisturbed: Undisturbed, matrix: Report, name: str
) -> None:
    story, calm = STORIES[name], undisturbed(name)
    mortal.service.crashes.plan(NONE)

    for rounds in _choose(calm.calls):
        passage = Passage(mortal, mortal.service, mortal_models)
        story.prepare(passage)
        for stage, spoiled in rounds.items():
            began = _spoil(passage, calm.calls[stage], spoiled)
            found = play(story, passage, stage)
            passage.service.crashes.spoil("", "", {})
            compared = compare(calm.told[stage], found)
            statuses = Counter(STATUS.get(one["status"], "") for one in list_seen(passage, began))
            counted = {what: statuses[what] for what in ("lost_answers", "refusals")}
            matrix(operations=1, compared=compared, **counted)
            assert compared == ([], [], [])
            assert sum(counted.values()) > 0


def _choose(calls: dict[str, Calls]) -> list[dict[str, dict[str, Spoiled]]]:
    """For each passage: what to spoil in each stage."""
    if "CHAOS" in os.environ:
        some = {stage: list_rounds(made, [REFUSED, THROTTLED, LOST]) for stage, made in calls.items()}
    else:
        chosen, some = random.Random(SEED), {}
        for stage, made in calls.items():
            lost, refused = (chosen.choice(list_rounds(made, [way])) for way in (LOST, REFUSED))
            some[stage] = [lost, {**refused, chosen.choice(sorted(refused)): [(0, THROTTLED)]}]
    longest = max(len(rounds) for rounds in some.values())
    return [{stage: rounds[number % len(rounds)] for stage, rounds in some.items()} for number in range(longest)]


def _spoil(passage: Passage, calls: Calls, spoiled: dict[str, Spoiled]) -> int:
    """Have the calls spoiled step by step, and those before the operation is accepted from now on."""
    sandbox = passage.world.sandbox
    rules = {step: make_rules(passage, calls[step], some) for step, some in spoiled.items()}
    began = _now()
    for rule in rules.pop(ACCEPTANCE, []):
        assert sandbox.call("dev", "POST", "/__sandbox/faults", json=rule).status_code == 200
    known = sandbox.workspaces["dev"]
    passage.service.crashes.spoil(known["host"], known["token"], rules)
    return began


def _now() -> int:
    return time.time_ns() // 1_000_000
