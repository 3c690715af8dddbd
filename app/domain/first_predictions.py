"""Does a served version answer as its signature promises? Asked once with its own input example, before any traffic."""

from __future__ import annotations

from typing import Any

from app.domain import signatures
from app.domain.endpoint_updates import Deploying
from app.errors import InputExampleMissing, PredictionRejected, SmokeFailed, UpstreamNotFound, WorkspaceFault
from app.workspaces import build_logs, invocations, model_files


def get_example(deploying: Deploying) -> dict[str, Any]:
    """The version's input example as a body for its endpoint; raises `InputExampleMissing`."""
    place: dict[str, Any] = {"workspace": deploying.workspace, "model": deploying.model, "version": deploying.version}
    example = model_files.find_input_example(**place)
    if example is None:
        raise InputExampleMissing(**place)
    return example


def make(deploying: Deploying, served: str) -> dict[str, Any]:
    """One prediction by the served entity itself, past the traffic split; it also wakes one that sleeps.

    Raises `SmokeFailed` with the model's own words and its server's last lines when it refuses its example, and when
    its answer does not fit its signature. Answers how many rows were asked.
    """
    example = get_example(deploying)
    outputs = model_files.get_description(deploying.workspace, deploying.model, deploying.version).outputs
    rows = _count(example)
    try:
        prediction = invocations.predict(deploying.workspace, deploying.endpoint, example, served=served)
    except (PredictionRejected, UpstreamNotFound, WorkspaceFault) as problem:
        said = (problem.fields.get("upstream") or {}).get("message") or problem.detail
        raise _failure(deploying, served, str(said).rstrip(".")) from problem
    if prediction.served_by not in {None, served}:
        raise _failure(deploying, served, f"{prediction.served_by} answered in its place")
    if misfit := signatures.find_misfit(prediction.content, rows, outputs):
        raise _failure(deploying, served, misfit)
    return {"rows": rows}


def _count(example: dict[str, Any]) -> int:
    """How many rows an example has, whichever of the platform's forms it is in."""
    if "dataframe_split" in example:
        return len(example["dataframe_split"]["data"])
    rows = next((example[form] for form in ("dataframe_records", "instances", "inputs") if form in example), [None])
    if isinstance(rows, dict):
        rows = next(iter(rows.values()), [None])
    return len(rows) if isinstance(rows, list) else 1


def _failure(deploying: Deploying, served: str, cause: str) -> SmokeFailed:
    return SmokeFailed(
        workspace=deploying.workspace,
        endpoint=deploying.endpoint,
        model=deploying.model,
        version=deploying.version,
        cause=cause,
        last_lines=build_logs.list_last_lines(deploying.workspace, deploying.endpoint, served, "server"),
    )
