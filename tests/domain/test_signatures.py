"""Rows on their way in and first answers on their way out, held against a model's signature."""

from typing import Any

import pytest

from app.domain import signatures
from app.errors import InputRejected
from app.workspaces.model_files import Column

DAY, TEMP, CITY, HOLIDAY = (
    Column("day", "long", True),
    Column("temp", "double", True),
    Column("city", "string", True),
    Column("holiday", "boolean", True),
)
NOTE = Column("note", "string", False)
ROW: dict[str, Any] = {"holiday": False, "city": "Oslo", "temp": 3, "day": 5}


def test_rows_come_out_in_the_signatures_order() -> None:
    columns, data = signatures.order([ROW, {**ROW, "temp": None}], [DAY, TEMP, CITY, HOLIDAY, NOTE])

    assert columns == ["day", "temp", "city", "holiday"]
    assert data == [[5, 3, "Oslo", False], [5, None, "Oslo", False]]


def test_an_optional_column_comes_along_once_a_row_has_it() -> None:
    columns, data = signatures.order([ROW, {**ROW, "note": "x"}], [TEMP, DAY, CITY, HOLIDAY, NOTE])

    assert columns[-1] == "note"
    assert [row[-1] for row in data] == [None, "x"]


def test_a_whole_number_fits_an_integer_column_and_becomes_an_integer() -> None:
    _, data = signatures.order([{"day": 5.0}], [DAY])

    assert repr(data) == "[[5]]"


@pytest.mark.parametrize(
    ("change", "column", "expected", "got"),
    [
        ({"temp": "warm"}, "temp", "double", "text in row 1"),
        ({"temp": True}, "temp", "double", "a boolean in row 1"),
        ({"day": 5.5}, "day", "long", "a number in row 1"),
        ({"day": None}, "day", "long", "null in row 1"),
        ({"day": 2**63}, "day", "long", "an integer in row 1"),
        ({"day": True}, "day", "long", "a boolean in row 1"),
        ({"city": 7}, "city", "string", "an integer in row 1"),
        ({"holiday": 1}, "holiday", "boolean", "an integer in row 1"),
        ({"wind": 1.5}, "wind", "nothing: the model does not know it", "a value"),
    ],
)
def test_the_first_value_that_does_not_fit_is_named_by_column_and_type_alone(
    change: dict[str, Any], column: str, expected: str, got: str
) -> None:
    with pytest.raises(InputRejected) as refused:
        signatures.order([ROW, {**ROW, **change}], [DAY, TEMP, CITY, HOLIDAY])

    assert refused.value.fields == {"column": column, "expected": expected, "got": got}
    assert "warm" not in refused.value.detail


def test_a_missing_column_is_named_with_its_row() -> None:
    with pytest.raises(InputRejected) as refused:
        signatures.order([ROW, {"day": 1}], [DAY, TEMP, CITY, HOLIDAY])

    assert refused.value.fields == {"column": "temp", "expected": "double", "got": "nothing in row 1"}


@pytest.mark.parametrize("column", [Column(None, "double", True), Column("pixels", "tensor(float64, [-1, 28])", True)])
def test_plain_rows_do_not_fit_a_model_that_takes_no_named_plain_columns(column: Column) -> None:
    with pytest.raises(InputRejected):
        signatures.order([{"pixels": 1.0}], [column])


def test_a_file_may_have_more_columns_than_the_model_but_not_fewer() -> None:
    signatures.check_columns(["day", "temp", "bikers"], [DAY, TEMP, NOTE])
    with pytest.raises(InputRejected, match="temp"):
        signatures.check_columns(["day", "bikers"], [DAY, TEMP])


NUMBER, WORD, TENSOR = (
    Column(None, "double", True),
    Column("label", "string", True),
    Column(None, "tensor(f, [])", True),
)


@pytest.mark.parametrize(
    ("predictions", "outputs"),
    [
        ([1.5, 2], [NUMBER]),
        ([{"score": 1.0, "label": "a"}, {"score": 2, "label": "b"}], [Column("score", "double", True), WORD]),
        ([["a", 1.0], ["b", 2.0]], [WORD, NUMBER]),
        ([[0.1, 0.9], [0.2, 0.8]], [TENSOR]),
        ([True, False], [Column(None, "boolean", True)]),
    ],
)
def test_an_answer_as_the_signature_promises_it_has_no_misfit(predictions: list[Any], outputs: list[Column]) -> None:
    assert signatures.find_misfit({"predictions": predictions}, 2, outputs) is None


@pytest.mark.parametrize(
    ("content", "outputs", "misfit"),
    [
        ({"predictions": [1.5]}, [NUMBER], "2 row(s) brought 1 prediction(s)"),
        ({"predictions": [1.5, None]}, [NUMBER], "output 0 should be double, got null"),
        ({"predictions": [1.5, "many"]}, [NUMBER], "output 0 should be double, got text"),
        ({"predictions": [True, False]}, [NUMBER], "output 0 should be double, got a boolean"),
        ({"predictions": [{"score": 1}, {"score": 2}]}, [WORD], "label should be string, got null"),
        ({"predictions": [["a"], ["b"]]}, [WORD, NUMBER], "output 1 should be double, got null"),
        ({"predictions": [[None], [1.0]]}, [TENSOR], "output 0 should be tensor(f, []), got a list"),
        ({"error": "no"}, [NUMBER], "the answer holds no list of predictions"),
        ([1.5, 2.5], [NUMBER], "the answer holds no list of predictions"),
    ],
)
def test_an_answer_of_another_kind_is_told_apart(content: Any, outputs: list[Column], misfit: str) -> None:
    assert signatures.find_misfit(content, 2, outputs) == misfit
