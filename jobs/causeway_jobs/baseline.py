"""What a simple model reaches on the same rows: the figure that AutoML must beat, for the training job."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from causeway_jobs.features import Features

# Without a list from the caller: hours, weekdays, months and days of the month still count as categories.
MOST_CATEGORY_VALUES = 31


@dataclass(frozen=True)
class Baseline:
    """A fitted linear model and one sentence that says how it was made."""

    pipeline: Pipeline
    description: str


def fit(frame: pd.DataFrame, target: str, features: Features, wanted: list[str] | None) -> Baseline:
    """Least squares on the model's own features; texts and the wanted categories one-hot, the rest as numbers.

    `wanted=None` takes the whole-number columns with at most `MOST_CATEGORY_VALUES` values. Wanted columns that
    are no features are left out, for the comparison is about the same inputs.
    """
    chosen = categories(frame, features, wanted)
    numbers = [name for name in features.names if name not in chosen]
    one_hot = make_pipeline(SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore"))
    scaled = make_pipeline(SimpleImputer(), StandardScaler())
    pipeline = make_pipeline(
        ColumnTransformer([("one_hot", one_hot, chosen), ("scaled", scaled, numbers)]), LinearRegression()
    )
    pipeline.fit(frame[features.names], frame[target])
    names = ", ".join(chosen) or "no column"
    return Baseline(pipeline, f"linear regression on the same features, {names} one-hot, the rest as numbers")


def categories(frame: pd.DataFrame, features: Features, wanted: list[str] | None) -> list[str]:
    """The features that the baseline codes one-hot."""
    if wanted is None:
        wanted = [name for name in features.numbers if _is_short_whole(frame[name].dropna().to_numpy(dtype=float))]
    return [name for name in features.names if name in wanted or name in features.texts]


def metrics(truth: "pd.Series[float]", predicted: np.ndarray) -> dict[str, float]:
    """`rmse` and `mae` in the target's unit, and `r2`."""
    return {
        "rmse": float(root_mean_squared_error(truth, predicted)),
        "mae": float(mean_absolute_error(truth, predicted)),
        "r2": float(r2_score(truth, predicted)),
    }


def _is_short_whole(values: np.ndarray) -> bool:
    return bool((values == np.floor(values)).all()) and len(np.unique(values)) <= MOST_CATEGORY_VALUES
