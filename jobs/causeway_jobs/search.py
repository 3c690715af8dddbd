"""Which learner with which settings predicts best: the AutoML part of training, by FLAML.

With `max_trials`, one thread and a seed the winner is the same each time; with `budget_seconds` the clock decides.
"""

import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from flaml import AutoML
from flaml.automl.contrib import HistGradientBoostingEstimator
from flaml.automl.model import ExtraTreesEstimator, LGBMEstimator, RandomForestEstimator
from threadpoolctl import threadpool_limits

# Each learner starts at what its library would do unasked, not at FLAML's four trees of four leaves: in
# twenty trials this reached on every seed what the tiny start reached on some seeds in sixty. A point
# outside of the search space of a small file is dropped by FLAML, which then starts tiny.
STARTING_POINTS = {
    "lgbm": {"n_estimators": 100, "num_leaves": 31},
    "histgb": {"n_estimators": 100, "max_leaves": 31},
    "rf": {"n_estimators": 100, "max_leaves": 1000},
    "extra_tree": {"n_estimators": 100, "max_leaves": 1000},
}
MOST_REPORTED = 50
BEST_OF_EACH = 3


@dataclass(frozen=True)
class Trial:
    """One fit during the search; `validation_loss` is the RMSE on the validation rows."""

    trial: int
    learner: str
    validation_loss: float
    seconds: float
    ended_after_seconds: float
    parameters: dict[str, Any]
    improvement: bool


@dataclass(frozen=True)
class Winner:
    """The best learner, its parameters as the library's class takes them, and an unfitted estimator."""

    learner: str
    parameters: dict[str, Any]
    estimator: Any


@dataclass(frozen=True)
class Limits:
    """When a search ends (at least one of the two is set) and where its chance begins."""

    budget_seconds: float | None
    max_trials: int | None
    seed: int


class SteadyLightGBM(LGBMEstimator):  # type: ignore[misc]
    """LightGBM that does not time itself: its choice of histogram layout would differ from run to run."""

    def config2params(self, config: dict[str, Any]) -> dict[str, Any]:
        return {**super().config2params(config), "deterministic": True, "force_col_wise": True}


class SteadyForest(RandomForestEstimator):  # type: ignore[misc]
    """A random forest as configured: FLAML's own would cut its trees by the memory free at the moment."""

    def fit(self, X_train: Any, y_train: Any, **kwargs: Any) -> float:  # noqa: N803 - FLAML's names
        return float(self._fit(X_train, y_train))


class SteadyExtraTrees(ExtraTreesEstimator):  # type: ignore[misc]
    """Extremely randomised trees as configured, for the same reason."""

    def fit(self, X_train: Any, y_train: Any, **kwargs: Any) -> float:  # noqa: N803 - FLAML's names
        return float(self._fit(X_train, y_train))


LEARNERS = {
    "lgbm": LGBMEstimator,
    "histgb": HistGradientBoostingEstimator,
    "rf": RandomForestEstimator,
    "extra_tree": ExtraTreesEstimator,
}
STEADY_LEARNERS = {**LEARNERS, "lgbm": SteadyLightGBM, "rf": SteadyForest, "extra_tree": SteadyExtraTrees}


def best(
    learners: list[str],
    limits: Limits,
    fitting: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
) -> tuple[Winner, list[Trial]]:
    """Search for the lowest RMSE on the validation rows; returns the winner and every trial in order.

    One thread with `max_trials`, all cores otherwise. Raises `ValueError` on an unknown learner, fewer than
    two trials (FLAML then tries none), or no limit at all.
    """
    unknown = sorted(set(learners) - set(LEARNERS))
    if unknown or not learners:
        raise ValueError(f"learners must be among {', '.join(LEARNERS)}, not {unknown}")
    if limits.max_trials is None and limits.budget_seconds is None:
        raise ValueError("a search needs budget_seconds or max_trials")
    if limits.max_trials is not None and limits.max_trials < 2:
        raise ValueError("max_trials must be at least 2")
    threads = 1 if limits.max_trials else os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder, threadpool_limits(limits=threads):
        log = Path(folder, "trials.jsonl")
        automl = _search(learners, limits, threads, fitting, validation, log)
        trials = _read_log(log)
    return _winner(automl.best_estimator, automl.best_config), trials


def worth_reporting(trials: list[Trial]) -> list[Trial]:
    """The best few of each learner and the latest improvements, `MOST_REPORTED` at most, in order of trial."""
    kept: dict[int, Trial] = {}
    for learner in {trial.learner: None for trial in trials}:
        own = sorted((t for t in trials if t.learner == learner), key=lambda t: (t.validation_loss, t.trial))
        kept.update({trial.trial: trial for trial in own[:BEST_OF_EACH]})
    for trial in reversed([trial for trial in trials if trial.improvement]):
        if len(kept) < MOST_REPORTED:
            kept[trial.trial] = trial
    return [kept[number] for number in sorted(kept)]


def _search(
    learners: list[str],
    limits: Limits,
    threads: int,
    fitting: tuple[np.ndarray, np.ndarray],
    validation: tuple[np.ndarray, np.ndarray],
    log: Path,
) -> AutoML:
    automl = AutoML()
    # Counted trials: every learner in turn, as configured. By the clock: FLAML favours whoever gains fastest,
    # and its own learners stop at the deadline.
    counted = limits.max_trials is not None
    for name in learners:
        automl.add_learner(name, (STEADY_LEARNERS if counted else LEARNERS)[name])
    automl.fit(
        *fitting,
        X_val=validation[0],
        y_val=validation[1],
        task="regression",
        metric="rmse",
        estimator_list=list(learners),
        time_budget=limits.budget_seconds or -1,
        max_iter=limits.max_trials,
        n_jobs=threads,
        seed=limits.seed,
        learner_selector="roundrobin" if counted else "sample",
        starting_points={name: STARTING_POINTS[name] for name in learners},
        sample=False,  # every trial sees every row, so that losses compare
        skip_transform=True,
        retrain_full=False,
        log_file_name=str(log),
        log_type="all",
        mlflow_logging=False,
        verbose=0,
    )
    return automl


def _read_log(log: Path) -> list[Trial]:
    records = [json.loads(line) for line in log.read_text().splitlines()]
    trials: list[Trial] = []
    lowest = float("inf")
    for record in (record for record in records if "learner" in record):  # the rest are FLAML's checkpoints
        loss = float(record["validation_loss"])
        trials.append(
            Trial(
                trial=len(trials) + 1,
                learner=record["learner"],
                validation_loss=loss,
                seconds=round(float(record["trial_time"]), 3),
                ended_after_seconds=round(float(record["wall_clock_time"]), 3),
                parameters=record["config"],
                improvement=loss < lowest,
            )
        )
        lowest = min(lowest, loss)
    return trials


def _winner(learner: str, config: dict[str, Any]) -> Winner:
    wrapper = STEADY_LEARNERS[learner](task="regression", n_jobs=1, **config)
    return Winner(learner, dict(wrapper.params), wrapper.estimator_class(**wrapper.params))
