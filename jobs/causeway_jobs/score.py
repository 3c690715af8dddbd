"""The scoring job: rows of a file through a model version, in the model's own environment.

Started by the service as `causeway-score --folder=…`; runs as the project's runner, for a model is somebody
else's code. It imports only what every MLflow model's environment has: mlflow with its own parts, pandas, numpy.
"""

import hashlib
import io
import json
import platform
import re
import tempfile
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from databricks.sdk import WorkspaceClient
from mlflow.exceptions import MlflowException
from mlflow.pyfunc import PyFuncModel
from mlflow.pyfunc.scoring_server import infer_and_parse_data, parse_csv_input
from mlflow.types import DataType, Schema

from causeway_jobs import folders, manifest
from causeway_jobs.folders import Refusal

NUMERIC = {DataType.double, DataType.float, DataType.integer, DataType.long}


def main() -> None:
    """Entry point of the wheel task."""
    folders.run(score)


def score(workspace: WorkspaceClient, parameters: dict[str, Any]) -> dict[str, Any]:
    """Predict for the rows that `parameters.json` names and return the content of `result.json`.

    The digest of the version's files is compared before anything is loaded, and exactly those files are
    loaded. Raises `Refusal` with `model-missing`, `digest-mismatch`, `input-unreadable`, `input-empty`,
    `model-load-failed` or `input-rejected`. Safe to repeat: the output is overwritten.
    """
    mlflow.set_tracking_uri("databricks")
    mlflow.set_registry_uri("databricks-uc")
    raw = _read_input(workspace, parameters["input"])
    with tempfile.TemporaryDirectory() as folder:
        files = manifest.fetch(parameters["model"], str(parameters["version"]), parameters["digest"], Path(folder))
        versions = _versions(Path(folder))
        model = _load(folder)
        rows = _rows(raw, parameters["input"], model.metadata.get_input_schema())
        folders.progress(f"loaded {parameters['model']} version {parameters['version']}; {len(rows)} rows")
        predictions = _predict(model, rows)
    body = folders.write(workspace, parameters["output"], {"predictions": predictions})
    return {
        "model": parameters["model"],
        "version": int(parameters["version"]),
        "digest": manifest.digest(files),
        "rows": len(rows),
        "output": parameters["output"],
        "output_sha256": hashlib.sha256(body).hexdigest(),
        "versions": versions,
    }


def _read_input(workspace: WorkspaceClient, path: str) -> bytes:
    try:
        return folders.read(workspace, path)
    except FileNotFoundError as missing:
        raise Refusal("input-unreadable", f"There is no file {path}. Nothing was scored.", path=path) from missing


def _load(folder: str) -> PyFuncModel:
    try:
        # This environment was made of the model's requirements; to check them reads all that is installed.
        return mlflow.pyfunc.load_model(folder, suppress_warnings=True)
    except Exception as fault:  # whatever somebody else's loading code may raise
        detail = f"Loading the model stopped with {type(fault).__name__}: {fault}. See the job's log for the rest."
        raise Refusal("model-load-failed", detail) from fault


def _rows(raw: bytes, path: str, schema: Schema | None) -> pd.DataFrame:
    """The rows, read by the rules of MLflow's own scoring server: an endpoint given the same would see the same."""
    try:
        plain = _parse(raw, path, None)
    except (MlflowException, ValueError) as fault:
        detail = f"{path} holds no rows that could be read. Send dataframe_split JSON or a CSV file with a header."
        raise Refusal("input-unreadable", detail, path=path) from fault
    if plain.empty:
        raise Refusal("input-empty", f"{path} holds no rows. Nothing was scored.", path=path)
    _check_columns(plain, schema, texts=not path.endswith(".csv"))
    try:
        return _parse(raw, path, schema)
    except MlflowException as fault:
        raise Refusal("input-rejected", _without_data(fault), column=None, expected=None, got=None) from fault


def _parse(raw: bytes, path: str, schema: Schema | None) -> pd.DataFrame:
    if path.endswith(".csv"):
        lines: pd.DataFrame = parse_csv_input(io.StringIO(raw.decode("utf-8-sig")), schema=schema)
        return lines
    content = json.loads(raw)
    if not isinstance(content, dict) or "dataframe_split" not in content:
        raise ValueError("no dataframe_split")
    rows: pd.DataFrame = infer_and_parse_data({"dataframe_split": content["dataframe_split"]}, schema)
    return rows


def _check_columns(rows: pd.DataFrame, schema: Schema | None, texts: bool) -> None:
    """Name the first column that does not fit, by type alone: a value may be a customer's.

    `texts` is false for CSV, where 0012 in a text column looks like a number until the schema is applied.
    """
    for spec in schema.inputs if schema and schema.has_input_names() else []:
        if spec.name not in rows:
            if spec.required:
                raise _rejection(spec.name, spec.type.name, "nothing: the column is missing")
        elif got := _misfit(rows[spec.name], spec.type, texts):
            raise _rejection(spec.name, spec.type.name, got)


def _misfit(column: "pd.Series[Any]", wanted: DataType, texts: bool) -> str | None:
    numeric = wanted in NUMERIC
    if not numeric and not (texts and wanted == DataType.string):
        return None
    for row, value in enumerate(column.array):
        if not pd.isna(value) and not (_is_number(value) if numeric else isinstance(value, str)):
            return f"{type(value).__name__} in row {row}"
    return None


def _is_number(value: Any) -> bool:
    try:
        return not isinstance(value, bool) and float(value) == float(value)
    except (TypeError, ValueError):
        return False


def _rejection(column: str, expected: str, got: str) -> Refusal:
    detail = f"Column {column!r} must be {expected}, got {got}. Send the columns of the model's signature."
    return Refusal("input-rejected", detail, column=column, expected=expected, got=got)


def _predict(model: PyFuncModel, rows: pd.DataFrame) -> list[Any]:
    try:
        predicted = model.predict(rows)
    except MlflowException as fault:
        raise Refusal("input-rejected", _without_data(fault), column=None, expected=None, got=None) from fault
    if isinstance(predicted, pd.DataFrame):
        return [
            {str(name): _plain(value) for name, value in row.items()} for row in predicted.to_dict(orient="records")
        ]
    return [_plain(value) for value in np.asarray(predicted).tolist()]


def _plain(value: Any) -> Any:
    """JSON knows no NaN; an endpoint of MLflow sends null for it too."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _versions(folder: Path) -> dict[str, str]:
    """The versions in use of Python, mlflow and everything that the model's requirements name."""
    requirements = folder / "requirements.txt"
    lines = requirements.read_text().splitlines() if requirements.exists() else []
    names = [match.group() for line in lines if (match := re.match(r"[A-Za-z0-9][A-Za-z0-9._-]*", line.strip()))]
    versions = {"python": platform.python_version(), "mlflow": installed("mlflow")}
    for name in names:
        try:
            versions[name] = installed(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def _without_data(fault: MlflowException) -> str:
    """MLflow's first line only: the later ones may quote rows."""
    return f"The model refused the rows: {str(fault.message).splitlines()[0][:300]}. Compare with its signature."
