"""The profile names what is odd about a data set, and its page needs nothing from outside."""

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from causeway_jobs import profile, profile_page

BIKES = Path(__file__).parents[2] / "app/sandbox/data/bikeshare.csv"


@pytest.fixture(scope="module")
def bikes() -> dict[str, Any]:
    return profile.describe(pd.read_csv(BIKES), "bikers", exclude=["casual"])


def column(described: dict[str, Any], name: str) -> dict[str, Any]:
    return next(column for column in described["columns"] if column["name"] == name)


def test_columns_that_sum_to_the_target_are_named_as_leakage(bikes: dict[str, Any]) -> None:
    (suspect,) = bikes["leakage_suspects"]
    assert sorted(suspect["columns"]) == ["casual", "registered"]
    assert suspect["reason"] == "sum to bikers"
    assert suspect["excluded"] is False  # only one of the two is


def test_three_columns_that_sum_to_the_target_are_named_and_excluded_ones_are_marked() -> None:
    random = np.random.default_rng(1)
    parts = pd.DataFrame(random.normal(size=(200, 3)), columns=["a", "b", "c"])
    frame = parts.assign(other=random.normal(size=200), y=parts.sum(axis=1))
    (suspect,) = profile.leakage_suspects(frame, "y", exclude=["a", "b", "c"])
    assert sorted(suspect["columns"]) == ["a", "b", "c"]
    assert suspect["excluded"] is True


def test_a_column_that_nearly_equals_the_target_is_named_and_an_honest_one_is_not() -> None:
    random = np.random.default_rng(1)
    y = random.normal(size=300)
    frame = pd.DataFrame(
        {"y": y, "scaled": 3 * y + random.normal(scale=0.01, size=300), "honest": y + random.normal(size=300)}
    )
    assert [suspect["columns"] for suspect in profile.leakage_suspects(frame, "y", [])] == [["scaled"]]


def test_gaps_distinct_values_outliers_and_distribution_are_counted() -> None:
    frame = pd.DataFrame({"x": [1.0, 2, 2, 3, None, 1000], "city": ["a", "a", "b", None, "b", "a"], "y": range(6)})
    described = profile.describe(frame, "y", [])
    x, city = column(described, "x"), column(described, "city")
    assert (x["kind"], x["missing"], x["distinct"], x["outliers"]) == ("number", 1, 4, 1)
    assert x["statistics"]["median"] == 2
    assert sum(x["histogram"]["counts"]) == 5
    assert (city["kind"], city["missing"]) == ("text", 1)
    assert city["top_values"] == [{"value": "a", "count": 3}, {"value": "b", "count": 2}]


def test_text_that_differs_in_every_row_is_never_quoted() -> None:
    frame = pd.DataFrame({"email": [f"person-{n}@example.org" for n in range(60)], "y": range(60)})
    described = profile.describe(frame, "y", [])
    assert "@example.org" not in json.dumps(described)
    assert "@example.org" not in profile_page.render(described, "people.csv")


def test_empty_constant_and_infinite_columns_make_valid_json_and_a_page() -> None:
    frame = pd.DataFrame(
        {"none": [None] * 4, "same": [1] * 4, "wild": [np.inf] * 4, "flag": [True, False] * 2, "y": range(4)}
    )
    described = profile.describe(frame, "y", [])
    json.dumps(described, allow_nan=False)
    assert [entry["kind"] for entry in described["columns"]] == ["empty", "number", "number", "boolean", "number"]
    assert "nothing to draw" in profile_page.render(described, "odd.csv")


class Page(HTMLParser):
    """Collects what a browser would fetch, and how many drawings there are."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.drawings = 0
        self.tags: set[str] = set()
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.drawings += tag == "svg"
        self.fetched += [v for k, v in attrs if k in ("src", "href", "xlink:href") and v and not v.startswith("#")]


def test_the_page_is_one_file_with_a_drawing_for_each_column(bikes: dict[str, Any]) -> None:
    html = profile_page.render(bikes, "/Volumes/main/bikes/files/bikeshare.csv")
    page = Page(html)
    assert page.fetched == []
    assert page.tags.isdisjoint({"script", "link", "iframe", "img", "object"})
    assert "@import" not in html
    assert page.drawings == len(bikes["columns"]) + 1
    assert "registered</b> + <b>casual" in html


def test_names_and_values_of_the_data_are_escaped_in_the_page() -> None:
    attack = "<script>alert('x')</script>"
    frame = pd.DataFrame({attack: [1, 2, 3, 4], "city": [attack, attack, "$a_{b}$", "$"], "y": [1, 2, 3, 5]})
    html = profile_page.render(profile.describe(frame, "y", []), f"{attack}.csv")
    assert "<script" not in html
    assert "&lt;script&gt;" in html
