"""The rows to learn from: how they are read, checked, ordered and split, for the training job."""

import hashlib
import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from databricks.sdk import WorkspaceClient

from causeway_jobs import folders
from causeway_jobs.folders import Refusal

MINIMUM_ROWS = 50


@dataclass(frozen=True)
class Dataset:
    """A file as it was read: `frame` holds every row and column of it."""

    path: str
    sha256: str
    frame: pd.DataFrame


def read(workspace: WorkspaceClient, path: str) -> Dataset:
    """Read a CSV file of a volume; raises `Refusal` `data-unreadable` or `data-empty`."""
    try:
        content = folders.read(workspace, path)
    except FileNotFoundError as missing:
        raise Refusal("data-unreadable", f"There is no file {path}. Name a CSV file.", path=path) from missing
    return Dataset(path, hashlib.sha256(content).hexdigest(), parse(content, path))


def parse(content: bytes, path: str) -> pd.DataFrame:
    """Turn the bytes of a CSV file with a header into a frame; raises `Refusal` like `read`."""
    try:
        frame = pd.read_csv(io.BytesIO(content), low_memory=False)
    except pd.errors.EmptyDataError:
        frame = pd.DataFrame()
    except (pd.errors.ParserError, UnicodeDecodeError) as fault:
        detail = f"{path} is not a CSV file in UTF-8. The parser stopped with {type(fault).__name__}."
        raise Refusal("data-unreadable", detail, path=path) from fault
    if frame.empty:
        raise Refusal("data-empty", f"{path} holds no rows. Nothing was trained.", path=path)
    return frame


def check(frame: pd.DataFrame, parameters: dict[str, Any]) -> None:
    """Raise `Refusal` if target or named columns do not fit the file, before anything is computed."""
    target = parameters["target"]
    if target not in frame:
        detail = f"The file has no column {target!r}. Its columns are {', '.join(frame.columns)}."
        raise Refusal("target-missing", detail, target=target, columns=list(frame.columns))
    if not _is_number(frame[target]):
        detail = f"The target {target!r} is not numeric. Only regression on a number is offered so far."
        raise Refusal("target-not-numeric", detail, target=target, found=str(frame[target].dtype))
    named = [*parameters["exclude"], *(parameters["baseline_categories"] or [])]
    if parameters["time_column"]:
        named.append(parameters["time_column"])
    missing = [name for name in named if name not in frame]
    if missing:
        detail = f"The file has no column {', '.join(map(repr, missing))}. Name columns of its header."
        raise Refusal("column-missing", detail, missing=missing, columns=list(frame.columns))


def with_target(frame: pd.DataFrame, target: str) -> pd.DataFrame:
    """The rows that have a finite target; raises `Refusal` `too-few-rows` below `MINIMUM_ROWS` of them."""
    rows: pd.DataFrame = frame[np.isfinite(frame[target].to_numpy(dtype=float, na_value=np.nan))]
    if len(rows) < MINIMUM_ROWS:
        detail = f"{len(rows)} rows have a value of {target!r}. At least {MINIMUM_ROWS} are needed."
        raise Refusal("too-few-rows", detail, rows=len(rows), minimum=MINIMUM_ROWS)
    return rows


def ordered(frame: pd.DataFrame, time_column: str | None, seed: int) -> pd.DataFrame:
    """Rows in the order in which they are split: by time where a column says so, else shuffled by the seed.

    Rows of the same time keep the order of the file. A text column is read as dates; raises `Refusal`
    `data-unreadable` where that fails or a time is missing.
    """
    if time_column is None:
        return frame.iloc[np.random.default_rng(seed).permutation(len(frame))]
    try:
        times = frame[time_column] if _is_number(frame[time_column]) else pd.to_datetime(frame[time_column])
    except (ValueError, TypeError) as fault:
        detail = f"The time column {time_column!r} holds values that are neither numbers nor dates. Name another."
        raise Refusal("data-unreadable", detail, column=time_column) from fault
    if times.isna().any():
        detail = f"The time column {time_column!r} has gaps. Rows without a time cannot be ordered."
        raise Refusal("data-unreadable", detail, column=time_column)
    in_order: pd.DataFrame = frame.iloc[np.argsort(times.to_numpy(), kind="stable")]
    return in_order


def split(frame: pd.DataFrame, fraction: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Cut ordered rows in two: the first part, and the last `fraction` of them."""
    cut = len(frame) - round(len(frame) * fraction)
    return frame.iloc[:cut], frame.iloc[cut:]


def _is_number(column: "pd.Series[Any]") -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
