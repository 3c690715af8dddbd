"""Which columns a model sees, as what, and how they are shown to callers: signature and input example."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

# A text column becomes this many columns at most; its rarer values share the last one.
MOST_CATEGORIES = 50


@dataclass(frozen=True)
class Features:
    """The columns of a model by kind, and the columns left out, each with the reason."""

    numbers: list[str]
    booleans: list[str]
    texts: list[str]
    ignored: list[dict[str, str]]

    @property
    def names(self) -> list[str]:
        """Every feature in the order of the signature."""
        return [*self.numbers, *self.booleans, *self.texts]


def kind(column: "pd.Series[Any]") -> str:
    """`empty`, `boolean`, `number` or `text`."""
    if column.notna().sum() == 0:
        return "empty"
    if pd.api.types.is_bool_dtype(column):
        return "boolean"
    return "number" if pd.api.types.is_numeric_dtype(column) else "text"


def choose(frame: pd.DataFrame, target: str, exclude: list[str], time_column: str | None) -> Features:
    """Sort the columns into features and ignored ones.

    The time column orders rows and is no feature: each row to come lies beyond every time seen, where a
    tree can only repeat its last leaf. Constant columns tell nothing; texts without a repeated value are names of rows.
    """
    by_kind: dict[str, list[str]] = {"number": [], "boolean": [], "text": []}
    ignored = []
    for name in frame.columns:
        if name == target:
            continue
        reason = _reason_to_ignore(frame[name], excluded=name in exclude, orders=name == time_column)
        if reason:
            ignored.append({"column": name, "reason": reason})
        else:
            by_kind[kind(frame[name])].append(name)
    return Features(by_kind["number"], by_kind["boolean"], by_kind["text"], ignored)


def encoder(features: Features) -> ColumnTransformer:
    """Numbers as they are (gaps too: every learner offered here takes them), texts one-hot.

    A text never seen is none of the known ones, not a number between two of them. JSON's null and a gap in a
    CSV file are different kinds of nothing, hence the filling first. All parts are scikit-learn's and pandas' own,
    so that a model loads without this package.
    """
    filled = FunctionTransformer(pd.DataFrame.fillna, kw_args={"value": ""})
    one_hot = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES, sparse_output=False)
    as_they_are = [*features.numbers, *features.booleans]
    return ColumnTransformer(
        [("as_they_are", "passthrough", as_they_are), ("one_hot", make_pipeline(filled, one_hot), features.texts)]
    )


def signature(features: Features, target: str) -> ModelSignature:
    """Numbers are signed as double, so that whole numbers with gaps pass; texts as string."""
    types = [("double", features.numbers), ("boolean", features.booleans), ("string", features.texts)]
    inputs = [ColSpec(type=type_name, name=name) for type_name, names in types for name in names]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema([ColSpec(type="double", name=target)]))


def input_example(frame: pd.DataFrame, features: Features) -> pd.DataFrame:
    """One made-up row: the median of each number, the commonest value of the rest. No row of the data."""
    numbers = {name: [float(np.nanmedian(frame[name].to_numpy(dtype=float)))] for name in features.numbers}
    rest = {name: [frame[name].mode().iloc[0]] for name in [*features.booleans, *features.texts]}
    return pd.DataFrame({**numbers, **rest}, columns=features.names)


def _reason_to_ignore(column: "pd.Series[Any]", excluded: bool, orders: bool) -> str | None:
    if excluded:
        return "excluded by request"
    if orders:
        return "orders the rows"
    distinct = column.nunique()
    if distinct <= 1 and column.notna().all():
        return "has one value only"
    if distinct == 0:
        return "has no value"
    if kind(column) == "text" and distinct == column.notna().sum():
        return "has a different text in every row"
    return None
