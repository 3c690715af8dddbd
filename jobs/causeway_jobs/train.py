"""The training job: a file in a volume becomes a profile, trials and a registered model, beside a baseline.

Started by the service as `causeway-train --folder=…`; runs as the project's runner.
"""

import platform
import sysconfig
import tempfile
import time
from dataclasses import asdict, dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from databricks.sdk import WorkspaceClient
from sklearn.pipeline import Pipeline

from causeway_jobs import baseline, dataset, features, folders, manifest, profile, profile_page, registration, search
from causeway_jobs.baseline import Baseline
from causeway_jobs.dataset import Dataset
from causeway_jobs.features import Features
from causeway_jobs.search import Limits, Trial, Winner

VALIDATION_FRACTION = 0.2
PROFILE_JSON, PROFILE_HTML = "profile/profile.json", "profile/profile.html"


@dataclass(frozen=True)
class Rows:
    """The rows in order: those that trials are fitted on, those that choose among them, those that judge."""

    fitting: pd.DataFrame
    validation: pd.DataFrame
    holdout: pd.DataFrame

    @property
    def train(self) -> pd.DataFrame:
        """All that the registered model has seen: fitting and validation rows."""
        return pd.concat([self.fitting, self.validation])


@dataclass(frozen=True)
class Outcome:
    """What training found: the refitted winner, its figures, and those of the baseline."""

    winner: Winner
    trials: list[Trial]
    pipeline: Pipeline
    metrics: dict[str, float]
    baseline: Baseline
    baseline_metrics: dict[str, float]


def main() -> None:
    """Entry point of the wheel task."""
    folders.run(train)


def train(workspace: WorkspaceClient, parameters: dict[str, Any]) -> dict[str, Any]:
    """Do everything that `parameters.json` asks and return the content of `result.json`.

    Raises `Refusal` with `data-empty`, `data-unreadable`, `target-missing`, `target-not-numeric`,
    `column-missing` or `too-few-rows`, all of them before a run is started.
    """
    data = dataset.read(workspace, parameters["data"])
    folders.progress(f"read {len(data.frame)} rows, {len(data.frame.columns)} columns")
    chosen, rows = prepare(data.frame, parameters)
    described = profile.describe(data.frame, parameters["target"], parameters["exclude"])
    experiment_id = registration.connect(parameters["experiment"])
    with mlflow.start_run(run_name=f"train {parameters['model']}", tags=parameters["tags"]) as run:
        mlflow.log_dict(described, PROFILE_JSON)
        mlflow.log_text(profile_page.render(described, data.path), PROFILE_HTML)
        folders.progress("profile logged; searching")
        started_at = time.time()
        outcome = learn(chosen, rows, parameters)
        reported = search.worth_reporting(outcome.trials)
        run_ids = registration.log_trials(run.info.run_id, experiment_id, reported, started_at)
        folders.progress(f"{len(outcome.trials)} trials, {len(run_ids)} of them logged; registering")
        registration.log_run(run.info.run_id, _run_parameters(parameters, data, outcome), _run_metrics(outcome))
        registered = _register(chosen, rows, parameters, data, outcome)
    folders.progress(f"registered {parameters['model']} version {registered['version']}")
    return {
        "run_id": run.info.run_id,
        "experiment_id": experiment_id,
        "model": parameters["model"],
        "task": "regression",
        **_findings(chosen, rows, data, outcome),
        "trial_count": len(outcome.trials),
        "trials": [_trial(trial, run_ids) for trial in reported],
        "profile": _short_profile(described),
        **registered,
    }


def prepare(frame: pd.DataFrame, parameters: dict[str, Any]) -> tuple[Features, Rows]:
    """Check the file against the request, split the rows, and choose features by the training part alone.

    The last rows are held out, the last fifth of the others validates. Raises `Refusal` like `train`.
    """
    dataset.check(frame, parameters)
    target, time_column = parameters["target"], parameters["time_column"]
    usable = dataset.with_target(frame, target)
    ordered = dataset.ordered(usable, time_column, parameters["seed"])
    train_part, holdout = dataset.split(ordered, parameters["holdout_fraction"])
    rows = Rows(*dataset.split(train_part, VALIDATION_FRACTION), holdout)
    chosen = features.choose(rows.train, target, parameters["exclude"], time_column)
    if not chosen.names:
        detail = "No column is left to learn from. Every other column is excluded or carries nothing."
        raise folders.Refusal("column-missing", detail, missing=[], ignored=chosen.ignored)
    return chosen, rows


def learn(chosen: Features, rows: Rows, parameters: dict[str, Any]) -> Outcome:
    """Search on the training part, refit the winner on all of it, judge it and the baseline on the held-out rows."""
    target = parameters["target"]
    encoder = features.encoder(chosen).fit(rows.fitting[chosen.names])
    limits = Limits(parameters["budget_seconds"], parameters["max_trials"], parameters["seed"])
    winner, trials = search.best(
        parameters["learners"],
        limits,
        (encoder.transform(rows.fitting[chosen.names]), rows.fitting[target].to_numpy(dtype=float)),
        (encoder.transform(rows.validation[chosen.names]), rows.validation[target].to_numpy(dtype=float)),
    )
    pipeline = Pipeline([("encode", features.encoder(chosen)), ("predict", winner.estimator)])
    pipeline.fit(rows.train[chosen.names], rows.train[target].astype(float))
    simple = baseline.fit(rows.train, target, chosen, parameters["baseline_categories"])
    truth, inputs = rows.holdout[target].astype(float), rows.holdout[chosen.names]
    return Outcome(
        winner=winner,
        trials=trials,
        pipeline=pipeline,
        metrics=baseline.metrics(truth, pipeline.predict(inputs)),
        baseline=simple,
        baseline_metrics=baseline.metrics(truth, simple.pipeline.predict(inputs)),
    )


def _register(
    chosen: Features, rows: Rows, parameters: dict[str, Any], data: Dataset, outcome: Outcome
) -> dict[str, Any]:
    signature = features.signature(chosen, parameters["target"])
    example = features.input_example(rows.train, chosen)
    pins = registration.requirements(outcome.winner.learner)
    tags = {
        **parameters["tags"],
        "causeway_operation": parameters["operation_id"],
        "causeway_project": parameters["project"],
        "causeway_data": data.path,
        "causeway_data_sha256": data.sha256,
        "causeway_learner": outcome.winner.learner,
        **{f"causeway_{name}": repr(value) for name, value in outcome.metrics.items()},
        "causeway_baseline_rmse": repr(outcome.baseline_metrics["rmse"]),
    }
    version = registration.register(outcome.pipeline, parameters["model"], signature, example, pins, tags)
    with tempfile.TemporaryDirectory() as folder:
        files = manifest.download(parameters["model"], str(version), Path(folder))
    return {
        "version": version,
        "digest": manifest.digest(files),
        "signature": {
            "inputs": [{"name": spec.name, "type": spec.type.name} for spec in signature.inputs.inputs],
            "outputs": [{"name": spec.name, "type": spec.type.name} for spec in signature.outputs.inputs],
        },
        "input_example": example.to_dict(orient="split", index=False),
        "requirements": pins,
        "versions": {
            "python": platform.python_version(),
            "platform": sysconfig.get_platform(),
            "mlflow": installed("mlflow"),
        },
    }


def _run_parameters(parameters: dict[str, Any], data: Dataset, outcome: Outcome) -> dict[str, Any]:
    asked = ["target", "exclude", "time_column", "holdout_fraction", "learners", "budget_seconds", "max_trials", "seed"]
    return {
        **{name: parameters[name] for name in asked},
        "data": data.path,
        "data_sha256": data.sha256,
        "baseline": outcome.baseline.description,
        "learner": outcome.winner.learner,
        **{f"best.{name}": value for name, value in outcome.winner.parameters.items()},
    }


def _run_metrics(outcome: Outcome) -> dict[str, float]:
    return {
        **outcome.metrics,
        **{f"baseline_{name}": value for name, value in outcome.baseline_metrics.items()},
        "validation_rmse": min(trial.validation_loss for trial in outcome.trials),
        "trials": float(len(outcome.trials)),
    }


def _findings(chosen: Features, rows: Rows, data: Dataset, outcome: Outcome) -> dict[str, Any]:
    height, width = data.frame.shape
    return {
        "rows": {"train": len(rows.train), "holdout": len(rows.holdout)},
        "data": {"path": data.path, "rows": height, "columns": width, "sha256": data.sha256},
        "ignored": chosen.ignored,
        "metrics": outcome.metrics,
        "baseline": {"description": outcome.baseline.description, "metrics": outcome.baseline_metrics},
        "best": {"learner": outcome.winner.learner, "parameters": outcome.winner.parameters},
    }


def _trial(trial: Trial, run_ids: dict[int, str]) -> dict[str, Any]:
    report = asdict(trial)
    del report["ended_after_seconds"]
    return {**report, "run_id": run_ids.get(trial.trial)}


def _short_profile(described: dict[str, Any]) -> dict[str, Any]:
    short = ("name", "kind", "missing", "distinct")
    return {
        "json": PROFILE_JSON,
        "html": PROFILE_HTML,
        "columns": [{key: column[key] for key in short} for column in described["columns"]],
        "leakage_suspects": described["leakage_suspects"],
    }
