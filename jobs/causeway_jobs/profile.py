"""What a data set is like: schema, gaps, distributions, outliers, what goes with the target, what gives it away.

For the training job, which keeps it with the run, and for the page that people read.
"""

from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from causeway_jobs.features import kind

BINS = 24
TOP_VALUES = 12
# A column whose correlation with the target is this close to 1 is taken for the target in another dress.
NEARLY_EQUAL = 0.99
# Sums are sought among this many columns, those that go with the target most; three of 20 are 1,140 sums.
SUM_CANDIDATES = 20


def describe(frame: pd.DataFrame, target: str, exclude: list[str]) -> dict[str, Any]:
    """The profile as plain JSON values; `None` stands where a figure does not exist.

    Columns of text with a different value in every row are not quoted: those are names, not categories.
    """
    columns = [_column(frame[name], frame[target]) for name in frame.columns]
    return {
        "rows": len(frame),
        "duplicate_rows": int(frame.duplicated().sum()),
        "target": target,
        "columns": columns,
        "leakage_suspects": leakage_suspects(frame, target, exclude),
    }


def leakage_suspects(frame: pd.DataFrame, target: str, exclude: list[str]) -> list[dict[str, Any]]:
    """Columns that give the target away: one that nearly equals it, or two or three that sum to it.

    Each suspect says whether all its columns are excluded by request already.
    """
    numbers = frame[[name for name in frame.columns if kind(frame[name]) == "number"]].astype(float)
    truth = numbers[target]
    strength = {str(name): abs(_correlation(numbers[name], truth) or 0.0) for name in numbers if name != target}
    found: list[tuple[list[str], str]] = [
        ([name], f"correlates with {target} at {value:.4f}")
        for name, value in strength.items()
        if value >= NEARLY_EQUAL
    ]
    alone = {name for names, _ in found for name in names}
    candidates = sorted(strength.keys() - alone, key=lambda name: (-strength[name], name))[:SUM_CANDIDATES]
    found += [(list(names), f"sum to {target}") for names in _sums(numbers[candidates], truth)]
    return [{"columns": names, "reason": reason, "excluded": set(names) <= set(exclude)} for names, reason in found]


def _column(column: "pd.Series[Any]", target: "pd.Series[Any]") -> dict[str, Any]:
    column_kind = kind(column)
    described: dict[str, Any] = {
        "name": str(column.name),
        "kind": column_kind,
        "stored_as": str(column.dtype),
        "missing": int(column.isna().sum()),
        "distinct": int(column.nunique()),
    }
    if column_kind == "number":
        described |= _numbers(column.dropna().astype(float))
        described["correlation_with_target"] = _correlation(column.astype(float), target.astype(float))
    elif column_kind != "empty":
        described |= _categories(column.dropna())
    return described


def _numbers(values: "pd.Series[float]") -> dict[str, Any]:
    finite = values[np.isfinite(values)]
    if finite.empty:
        return {"statistics": None, "outliers": 0, "histogram": None}
    low, quarter, half, three_quarters, high = (float(q) for q in finite.quantile([0, 0.25, 0.5, 0.75, 1]))
    reach = 1.5 * (three_quarters - quarter)
    outside = (finite < quarter - reach) | (finite > three_quarters + reach)
    counts, edges = np.histogram(finite, bins=min(BINS, max(1, finite.nunique())))
    return {
        "statistics": {
            "minimum": low,
            "quartile_1": quarter,
            "median": half,
            "quartile_3": three_quarters,
            "maximum": high,
            "mean": float(finite.mean()),
            "standard_deviation": float(finite.std(ddof=0)),
        },
        "outliers": int(outside.sum()),
        "histogram": {"edges": [float(edge) for edge in edges], "counts": [int(count) for count in counts]},
    }


def _categories(values: "pd.Series[Any]") -> dict[str, Any]:
    counts = values.astype(str).value_counts()
    if len(counts) == len(values):
        return {"top_values": []}
    return {"top_values": [{"value": str(v), "count": int(n)} for v, n in counts.head(TOP_VALUES).items()]}


def _correlation(column: "pd.Series[float]", target: "pd.Series[float]") -> float | None:
    both = np.isfinite(column) & np.isfinite(target)
    left, right = column[both].to_numpy(), target[both].to_numpy()
    if len(left) < 3 or left.std() == 0 or right.std() == 0:
        return None
    return float(np.corrcoef(left, right)[0, 1])


def _sums(candidates: pd.DataFrame, target: "pd.Series[float]") -> list[tuple[str, ...]]:
    """Pairs and triples that add up to the target in every row that has all of them; a triple names no known pair."""
    rows = pd.concat([candidates, target.rename(None)], axis=1)
    sample = rows.iloc[np.linspace(0, len(rows) - 1, min(len(rows), 500)).astype(int)]
    found: list[tuple[str, ...]] = []
    for size in (2, 3):
        for names in combinations(candidates.columns, size):
            known = any(set(pair) <= set(names) for pair in found)
            if not known and _add_up(sample, names) and _add_up(rows, names):
                found.append(names)
    return found


def _add_up(rows: pd.DataFrame, names: tuple[str, ...]) -> bool:
    total = rows[list(names)].to_numpy().sum(axis=1)
    truth = rows.iloc[:, -1].to_numpy()
    both = np.isfinite(total) & np.isfinite(truth)
    return bool(both.any() and np.allclose(total[both], truth[both], rtol=1e-6, atol=1e-9))
