"""Each complaint that Causeway answers for has a test, which is there; what the tests show is in docs/complaints.md."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROWS = re.findall(r"^\| (\d+) \|.*\| ([^|]+) \|$", (ROOT / "docs/complaints.md").read_text(), re.MULTILINE)


def test_every_complaint_of_the_list_is_answered() -> None:
    assert [int(number) for number, _ in ROWS] == [5, 6, 7, 8, 9, 10, 11, 13]


@pytest.mark.parametrize(("number", "shown_by"), ROWS)
def test_the_tests_that_answer_a_complaint_are_there(number: str, shown_by: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(test_\w+)`", shown_by)

    assert named, number
    for file, test in named:
        defined = ast.walk(ast.parse((ROOT / file).read_text()))
        assert test in {one.name for one in defined if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}, test
