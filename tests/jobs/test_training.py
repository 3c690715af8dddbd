"""What is learned: honest rows in each role, the same winner each time, and a pipeline that stands alone."""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causeway_jobs import baseline, features, search, train
from causeway_jobs.search import Limits, Trial

BIKES = Path(__file__).parents[2] / "app/sandbox/data/bikeshare.csv"


def ask(**changes: Any) -> dict[str, Any]:
    return {
        "target": "bikers",
        "exclude": ["casual", "registered"],
        "time_column": "day",
        "holdout_fraction": 0.2,
        "learners": ["lgbm", "histgb", "rf", "extra_tree"],
        "budget_seconds": None,
        "max_trials": 6,
        "seed": 7,
        "baseline_categories": ["hr", "weekday", "season"],
        **changes,
    }


@pytest.fixture(scope="module")
def bikes() -> pd.DataFrame:
    return pd.read_csv(BIKES)


@pytest.fixture(scope="module")
def outcome(bikes: pd.DataFrame) -> train.Outcome:
    return train.learn(*train.prepare(bikes, ask()), ask())


def test_the_winner_beats_the_linear_baseline_by_a_fifth_on_the_last_fifth_of_the_year(
    bikes: pd.DataFrame, outcome: train.Outcome
) -> None:
    chosen, rows = train.prepare(bikes, ask())
    assert (len(rows.train), len(rows.holdout)) == (6916, 1729)
    assert outcome.metrics["rmse"] <= 0.8 * outcome.baseline_metrics["rmse"]
    assert outcome.baseline_metrics["rmse"] == pytest.approx(74.13, abs=0.05)
    assert {"casual", "registered", "bikers", "day"}.isdisjoint(chosen.names)


def test_with_max_trials_the_same_seed_finds_the_same_winner(bikes: pd.DataFrame, outcome: train.Outcome) -> None:
    again = train.learn(*train.prepare(bikes, ask()), ask())
    assert again.winner.learner == outcome.winner.learner
    assert again.winner.parameters == outcome.winner.parameters
    assert again.metrics == outcome.metrics
    losses = [(trial.learner, trial.validation_loss, trial.parameters) for trial in outcome.trials]
    assert [(trial.learner, trial.validation_loss, trial.parameters) for trial in again.trials] == losses
    assert len(losses) == 6


def test_validation_rows_come_after_the_fitted_rows_and_before_the_held_out_ones(bikes: pd.DataFrame) -> None:
    _, rows = train.prepare(bikes, ask())
    assert [len(part) for part in (rows.fitting, rows.validation, rows.holdout)] == [5533, 1383, 1729]
    in_order = [*rows.fitting["day"], *rows.validation["day"], *rows.holdout["day"]]
    assert in_order == sorted(bikes["day"])


def test_a_budget_in_seconds_ends_the_search(bikes: pd.DataFrame) -> None:
    asked = ask(max_trials=None, budget_seconds=2, learners=["lgbm", "histgb"])
    outcome = train.learn(*train.prepare(bikes, asked), asked)
    assert outcome.trials
    assert all(trial.ended_after_seconds - trial.seconds < 2.5 for trial in outcome.trials)


def test_each_learner_alone_can_win_and_be_refitted_as_a_plain_estimator(bikes: pd.DataFrame) -> None:
    few = bikes.iloc[::20]
    for learner in search.LEARNERS:
        asked = ask(learners=[learner], max_trials=2)
        outcome = train.learn(*train.prepare(few, asked), asked)
        assert type(outcome.winner.estimator).__module__.split(".")[0] in ("sklearn", "lightgbm")
        assert np.isfinite(outcome.metrics["rmse"])


@pytest.mark.parametrize(
    ("learners", "limits"),
    [(["svm"], (None, 5)), ([], (None, 5)), (["lgbm"], (None, None)), (["lgbm"], (None, 1))],
)
def test_a_search_that_cannot_be_is_a_fault_of_the_caller(learners: list[str], limits: tuple[Any, Any]) -> None:
    rows = np.zeros((4, 1)), np.zeros(4)
    with pytest.raises(ValueError, match=r"learners|budget|max_trials"):
        search.best(learners, Limits(*limits, seed=1), rows, rows)


def test_the_pipeline_is_unpickled_and_predicts_where_flaml_cannot_be_imported(
    bikes: pd.DataFrame, outcome: train.Outcome, tmp_path: Path
) -> None:
    chosen, rows = train.prepare(bikes, ask())
    (tmp_path / "model.pkl").write_bytes(pickle.dumps((outcome.pipeline, rows.holdout[chosen.names].head())))
    program = (
        "import pickle, sys\n"
        "for name in ('flaml', 'causeway_jobs', 'xgboost'): sys.modules[name] = None\n"
        "pipeline, rows = pickle.load(open('model.pkl', 'rb'))\n"
        "print(len(pipeline.predict(rows)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "5\n", done.stderr


def test_numbers_are_signed_as_double_and_texts_as_string(bikes: pd.DataFrame) -> None:
    chosen, _ = train.prepare(bikes.assign(open=bikes.hr > 6), ask())
    types = {spec.name: spec.type.name for spec in features.signature(chosen, "bikers").inputs.inputs}
    assert types["hr"] == types["temp"] == "double"
    assert types["mnth"] == types["weathersit"] == "string"
    assert types["open"] == "boolean"
    assert [spec.name for spec in features.signature(chosen, "bikers").outputs.inputs] == ["bikers"]


def test_the_input_example_is_made_of_medians_and_modes_and_is_no_row_of_the_data(bikes: pd.DataFrame) -> None:
    chosen, rows = train.prepare(bikes, ask())
    example = features.input_example(rows.train, chosen)
    assert example.shape == (1, len(chosen.names))
    assert example["temp"].item() == rows.train["temp"].median()
    assert example["weathersit"].item() == "clear"
    merged = bikes.astype(dict.fromkeys(chosen.numbers, float)).merge(example, how="inner")
    assert merged.empty


def test_unseen_texts_and_gaps_are_predicted_for_not_refused(bikes: pd.DataFrame, outcome: train.Outcome) -> None:
    chosen, rows = train.prepare(bikes, ask())
    odd = pd.concat([features.input_example(rows.train, chosen)] * 3, ignore_index=True)
    odd["weathersit"] = ["fog", None, float("nan")]
    odd.loc[1, "temp"] = None
    predicted = outcome.pipeline.predict(odd)
    assert np.isfinite(predicted).all()
    odd["temp"] = odd["temp"].iloc[0]
    assert len(set(outcome.pipeline.predict(odd))) == 1  # JSON's null and a gap in a CSV file are the same


def test_the_default_baseline_takes_short_whole_number_columns_as_categories(bikes: pd.DataFrame) -> None:
    chosen, rows = train.prepare(bikes, ask())
    found = baseline.categories(rows.train, chosen, None)
    assert set(found) == {"season", "hr", "holiday", "weekday", "workingday", "mnth", "weathersit"}
    assert set(baseline.categories(rows.train, chosen, ["hr"])) == {"hr", "mnth", "weathersit"}


def test_at_most_fifty_trials_are_reported_the_best_of_each_learner_always() -> None:
    def trial(number: int, learner: str, loss: float, improvement: bool) -> Trial:
        return Trial(number, learner, loss, 0.1, 0.1, {}, improvement)

    trials = [trial(n, "lgbm", 200 - n, True) for n in range(1, 101)]
    trials += [trial(n, "rf", n, False) for n in range(101, 201)]
    reported = search.worth_reporting(trials)
    assert len(reported) == 50
    assert [entry.trial for entry in reported] == sorted(entry.trial for entry in reported)
    assert {98, 99, 100, 101, 102, 103} <= {entry.trial for entry in reported}
    assert min(entry.trial for entry in reported) > 50  # the latest improvements, not the first
