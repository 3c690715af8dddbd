"""What cannot be trained on is refused with a code, before anything is computed."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from causeway_jobs import dataset, train
from causeway_jobs.folders import Refusal

FRAME = pd.DataFrame(
    {"t": range(100), "x": np.linspace(0, 1, 100), "city": ["a", "b"] * 50, "y": np.linspace(5, 9, 100)}
)


def ask(**changes: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"target": "y", "exclude": [], "time_column": None, "baseline_categories": None, "seed": 7}
    return {**asked, "holdout_fraction": 0.2, **changes}


def refusal(frame: pd.DataFrame, **changes: Any) -> dict[str, Any]:
    with pytest.raises(Refusal) as caught:
        train.prepare(frame, ask(**changes))
    return caught.value.error


@pytest.mark.parametrize("content", [b"", b"a,b,y\n"])
def test_a_file_without_rows_is_data_empty(content: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        dataset.parse(content, "x.csv")
    assert caught.value.error["code"] == "data-empty"


@pytest.mark.parametrize("content", [b'a,b\n"1,2\n3', b"\xff\xfe\x00a,b\n1,2\n", b"a,b\n1,2\n1,2,3,4\n"])
def test_a_file_that_is_no_csv_is_data_unreadable(content: bytes) -> None:
    with pytest.raises(Refusal) as caught:
        dataset.parse(content, "x.csv")
    assert caught.value.error["code"] == "data-unreadable"


def test_a_target_that_is_missing_or_not_a_number_is_refused_by_name() -> None:
    missing = refusal(FRAME, target="z")
    assert (missing["code"], missing["target"]) == ("target-missing", "z")
    assert refusal(FRAME, target="city")["code"] == "target-not-numeric"
    assert refusal(FRAME.assign(y=FRAME.y > 6))["code"] == "target-not-numeric"


@pytest.mark.parametrize(
    "changes", [{"exclude": ["gone"]}, {"time_column": "gone"}, {"baseline_categories": ["city", "gone"]}]
)
def test_columns_that_the_request_names_must_exist(changes: dict[str, Any]) -> None:
    error = refusal(FRAME, **changes)
    assert (error["code"], error["missing"]) == ("column-missing", ["gone"])


def test_rows_without_a_target_do_not_count() -> None:
    few = FRAME.assign(y=FRAME.y.where(FRAME.t < 30))
    error = refusal(few)
    assert (error["code"], error["rows"]) == ("too-few-rows", 30)
    _, rows = train.prepare(FRAME.assign(y=FRAME.y.where(FRAME.t < 60)), ask())
    assert len(rows.train) + len(rows.holdout) == 60


def test_a_time_column_that_is_no_time_is_refused() -> None:
    assert refusal(FRAME, time_column="city")["code"] == "data-unreadable"
    assert refusal(FRAME.assign(t=FRAME.t.where(FRAME.t > 5)), time_column="t")["code"] == "data-unreadable"


def test_with_a_time_column_the_last_rows_are_held_out_whatever_the_order_of_the_file() -> None:
    shuffled = FRAME.sample(frac=1, random_state=3)
    chosen, rows = train.prepare(shuffled, ask(time_column="t"))
    assert rows.train["t"].tolist() == list(range(80))
    assert rows.holdout["t"].tolist() == list(range(80, 100))
    assert "t" not in chosen.names
    assert {"column": "t", "reason": "orders the rows"} in chosen.ignored


def test_dates_in_text_order_rows_by_date_and_rows_of_one_date_keep_their_order() -> None:
    dates = pd.Series(["2024-03-01"] * 50 + ["2024-01-31"] * 50)
    _, rows = train.prepare(FRAME.assign(t=dates), ask(time_column="t"))
    assert rows.train["x"].tolist() == [*FRAME.x[50:], *FRAME.x[:30]]


def test_without_a_time_column_the_seed_decides_who_is_held_out() -> None:
    first, again, other = (train.prepare(FRAME, ask(seed=seed))[1].holdout.index.tolist() for seed in (1, 1, 2))
    assert first == again != other
    assert first != sorted(first)


def test_columns_that_tell_nothing_are_left_out_with_the_reason() -> None:
    frame = FRAME.assign(same=1, none=None, email=[f"{n}@example.org" for n in range(100)])
    chosen, _ = train.prepare(frame, ask(exclude=["t"]))
    reasons = {entry["column"]: entry["reason"] for entry in chosen.ignored}
    assert chosen.names == ["x", "city"]
    assert reasons == {
        "t": "excluded by request",
        "same": "has one value only",
        "none": "has no value",
        "email": "has a different text in every row",
    }


def test_a_request_that_leaves_nothing_to_learn_from_is_refused() -> None:
    assert refusal(FRAME, exclude=["t", "x", "city"])["code"] == "column-missing"
