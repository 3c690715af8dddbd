"""What a policy makes of metrics and tags: each rule with what was seen, and nothing is met by accident."""

import math

import pytest

from app.configuration import Policy
from app.domain import policies
from app.domain.policies import Metrics

BOUNDED = Policy.model_validate({"metrics": {"rmse": {"at_most": 50}, "r2": {"at_least": 0.8, "at_most": 1}}})


@pytest.mark.parametrize(
    ("rmse", "r2", "met"),
    [
        (50.0, 0.8, {"metrics.rmse", "metrics.r2"}),
        (50.1, 0.9, {"metrics.r2"}),
        (1.0, 1.1, {"metrics.rmse"}),
        (math.nan, math.nan, set()),
        (math.inf, -math.inf, set()),
        (0.0, 0.0, {"metrics.rmse"}),
    ],
)
def test_a_metric_is_met_within_its_bounds_and_no_number_is_outside_them(rmse: float, r2: float, met: set[str]) -> None:
    rules = policies.judge_metrics(BOUNDED, Metrics({"rmse": rmse, "r2": r2, "mae": 1.0}, "training run trn_1"))

    assert {rule.rule for rule in rules if rule.met} == met
    assert all("training run trn_1" in rule.seen for rule in rules)


def test_a_metric_that_nobody_states_is_not_met() -> None:
    rules = policies.judge_metrics(BOUNDED, Metrics({}, "no run that can be read"))

    assert not any(rule.met for rule in rules)
    assert {rule.seen for rule in rules} == {"not stated by no run that can be read"}
    assert [rule.needed for rule in rules] == ["at most 1 and at least 0.8", "at most 50"]


def test_a_tag_has_the_value_that_is_asked_for_or_any_and_a_licence_says_something() -> None:
    policy = Policy.model_validate({"tags": {"team": "bikes", "reviewed": None}, "licence": "required"})

    def met(tags: dict[str, str]) -> set[str]:
        return {rule.rule for rule in policies.judge_tags(policy, tags) if rule.met}

    assert met({}) == set()
    assert met({"team": "trains", "reviewed": "", "licence": "  "}) == {"tags.reviewed"}
    assert met({"team": "bikes", "license": "Apache-2.0"}) == {"tags.team", "licence"}
