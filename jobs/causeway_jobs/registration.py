"""How a trained pipeline becomes a run, its child runs and a registered version, for the training job."""

import json
import time
from importlib.metadata import version as installed
from typing import Any

import mlflow
import pandas as pd
from mlflow import MlflowClient
from mlflow.entities import Metric, Param, RunTag
from mlflow.environment_variables import MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT
from mlflow.models import ModelSignature
from sklearn.pipeline import Pipeline

from causeway_jobs.search import Trial

# What unpickling and predicting import; a learner's own library comes on top.
SERVING = ["mlflow", "cloudpickle", "numpy", "pandas", "scikit-learn", "scipy"]
LIBRARIES = {"lgbm": ["lightgbm"]}
# Longer values are refused by MLflow's tracking stores.
LONGEST_PARAMETER = 6000


def connect(experiment: str) -> str:
    """Point MLflow at the job's own workspace and return the id of the experiment, made if missing."""
    MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT.set(True)  # two lines for each child run would drown the progress
    mlflow.set_tracking_uri("databricks")
    mlflow.set_registry_uri("databricks-uc")
    return str(mlflow.set_experiment(experiment).experiment_id)


def requirements(learner: str) -> list[str]:
    """Exact pins of what serving a pipeline with this learner needs, as installed here."""
    return [f"{name}=={installed(name)}" for name in [*SERVING, *LIBRARIES.get(learner, [])]]


def log_trials(run_id: str, experiment_id: str, trials: list[Trial], started_at: float) -> dict[int, str]:
    """Log each trial as a child run in three calls; returns run ids by trial number."""
    client = MlflowClient()
    run_ids = {}
    for trial in trials:
        ended_at = started_at + trial.ended_after_seconds
        name = f"trial {trial.trial}: {trial.learner}"
        run = client.create_run(
            experiment_id,
            start_time=round((ended_at - trial.seconds) * 1000),
            tags={"mlflow.parentRunId": run_id, "mlflow.runName": name},
        )
        child_id = run.info.run_id
        figures = {"validation_rmse": trial.validation_loss, "seconds": trial.seconds}
        client.log_batch(
            child_id,
            metrics=[Metric(key, value, round(ended_at * 1000), 0) for key, value in figures.items()],
            params=[Param(key, str(value)) for key, value in {"learner": trial.learner, **trial.parameters}.items()],
            tags=[RunTag("causeway_improvement", str(trial.improvement).lower())],
        )
        client.set_terminated(child_id, end_time=round(ended_at * 1000))
        run_ids[trial.trial] = child_id
    return run_ids


def log_run(run_id: str, parameters: dict[str, Any], metrics: dict[str, float]) -> None:
    """Log the parent run's parameters and metrics in one call."""
    now = round(time.time() * 1000)
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in parameters.items()}
    MlflowClient().log_batch(
        run_id,
        metrics=[Metric(key, value, now, 0) for key, value in metrics.items()],
        params=[Param(key, value[:LONGEST_PARAMETER]) for key, value in texts.items()],
    )


def register(
    pipeline: Pipeline,
    name: str,
    signature: ModelSignature,
    example: pd.DataFrame,
    pins: list[str],
    tags: dict[str, str],
) -> int:
    """Log the pipeline in the active run and register it under `name`, made if missing; returns the version.

    In one call, from the local files: `register_model` on a logged model would download them first, and then upload
    the download's note beside them (see `manifest.DOWNLOAD_NOTE`). Tags follow; until then the run tells the origin.
    """
    logged = mlflow.sklearn.log_model(
        pipeline,
        name="model",
        signature=signature,
        input_example=example,
        pip_requirements=pins,
        serialization_format="cloudpickle",
        registered_model_name=name,
    )
    client = MlflowClient()
    for key, value in tags.items():
        client.set_model_version_tag(name, str(logged.registered_model_version), key, value)
    return int(logged.registered_model_version)
