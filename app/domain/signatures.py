"""Does a value fit a model's signature? For rows on their way in, and for a first answer on its way out."""

from __future__ import annotations

from typing import Any

from app.errors import InputRejected
from app.workspaces.model_files import Column

Row = dict[str, str | int | float | bool | None]

INTEGER_BITS = {"integer": 32, "long": 64}
REALS = {"float", "double"}
TEXTS = {"string", "datetime", "binary"}
# An integer column of pandas has no place for a gap, so MLflow refuses one; the others have [MLF].
MAY_BE_NULL = REALS | TEXTS


def order(rows: list[Row], inputs: list[Column]) -> tuple[list[str], list[list[Any]]]:
    """The rows as (columns, values), in the signature's order; an optional column that no row has is left out.

    Raises `InputRejected` for the first column that is missing, unknown or of another type, by type and never by value.
    """
    for position, column in enumerate(inputs):
        if column.name is None:
            raise InputRejected(column=str(position), expected=f"{column.type} by position", got="rows with names")
    given = {name for row in rows for name in row}
    known = {str(column.name): column for column in inputs}
    for name in sorted(given - set(known)):
        raise InputRejected(column=name, expected="nothing: the model does not know it", got="a value")
    used = [column for name, column in known.items() if column.required or name in given]
    data = [[_read(row, position, column) for column in used] for position, row in enumerate(rows)]
    return [str(column.name) for column in used], data


def check_columns(columns: list[str], inputs: list[Column]) -> None:
    """Raises `InputRejected` when a file lacks a required column; what it has beside them the model ignores."""
    for column in inputs:
        if column.name is not None and column.required and column.name not in columns:
            raise InputRejected(column=column.name, expected=column.type, got="nothing: the column is missing")


def find_misfit(content: Any, rows: int, outputs: list[Column]) -> str | None:
    """Why an endpoint's answer to so many rows is not what the signature promises, or None when it is."""
    predictions = content.get("predictions") if isinstance(content, dict) else None
    if not isinstance(predictions, list):
        return "the answer holds no list of predictions"
    if len(predictions) != rows:
        return f"{rows} row(s) brought {len(predictions)} prediction(s)"
    for prediction in predictions:
        for position, column in enumerate(outputs):
            value = _pick(prediction, position, column, alone=len(outputs) == 1)
            if not _fits(value, column.type):
                name = column.name or f"output {position}"
                return f"{name} should be {column.type}, got {_name_type(value)}"
    return None


def _read(row: Row, position: int, column: Column) -> Any:
    name = str(column.name)
    if name not in row and column.required:
        raise InputRejected(column=name, expected=column.type, got=f"nothing in row {position}")
    value = row.get(name)
    if value is None and column.type in MAY_BE_NULL:
        return None
    if column.type not in {*INTEGER_BITS, *REALS, *TEXTS, "boolean"} or not _fits(value, column.type):
        raise InputRejected(column=name, expected=column.type, got=f"{_name_type(value)} in row {position}")
    # JSON makes no difference between 5 and 5.0, but pandas does.
    return int(value) if column.type in INTEGER_BITS and value is not None else value


def _fits(value: Any, kind: str) -> bool:
    if kind == "boolean":
        return isinstance(value, bool)
    if kind in TEXTS:
        return isinstance(value, str)
    if kind in INTEGER_BITS:
        is_whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        return (
            is_whole
            and not isinstance(value, bool)
            and -(2 ** (INTEGER_BITS[kind] - 1)) <= value < 2 ** (INTEGER_BITS[kind] - 1)
        )
    if kind in REALS:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if kind.startswith("tensor"):
        return all(_fits(item, kind) for item in value) if isinstance(value, list) else value is not None
    return value is not None


def _pick(prediction: Any, position: int, column: Column, *, alone: bool) -> Any:
    """The output's part of one prediction: by name, by position, or all of it where there is one output."""
    if isinstance(prediction, dict):
        return prediction.get(column.name)
    if isinstance(prediction, list) and not column.type.startswith("tensor"):
        return prediction[position] if position < len(prediction) else None
    return prediction if alone else None


def _name_type(value: Any) -> str:
    names = {bool: "a boolean", int: "an integer", float: "a number", str: "text", list: "a list", dict: "an object"}
    return names.get(type(value), "null")
