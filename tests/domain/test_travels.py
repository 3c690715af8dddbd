"""What may go out of the house: requirements that name one version, tags that are listed, no rows of real data."""

import pytest

from app.domain.travels import Example, Travels, is_pinned, list_reasons


@pytest.mark.parametrize(
    "line",
    [
        "mlflow==3.17.2",
        "scikit-learn[alldeps]==1.9.0 ; python_version >= '3.11'",
        "pandas===2.3",
        "numpy==2.1 --hash=sha256:00",
    ],
)
def test_a_requirement_that_names_one_version_is_pinned(line: str) -> None:
    assert is_pinned(line)


@pytest.mark.parametrize(
    "line",
    [
        "mlflow",
        "mlflow>=3",
        "mlflow==3.*",
        "mlflow==3.1,<4",
        "mlflow @ https://example.test/mlflow.whl",
        "git+https://example.test/mlflow",
        "-r other.txt",
        "--index-url https://example.test",
        "./wheel.whl",
        "",
    ],
)
def test_whatever_else_may_be_another_package_tomorrow(line: str) -> None:
    assert not is_pinned(line)


def make(**changes: object) -> Travels:
    nothing: dict[str, object] = {
        "id": None,
        "digest": None,
        "files": [],
        "input_example": None,
        "tags": {},
        "comment": "",
        "requirements": [],
        "dependencies": [],
    }
    return Travels(**{**nothing, **changes})  # type: ignore[arg-type]


def test_real_rows_unlisted_tags_and_loose_requirements_are_each_named() -> None:
    example = Example(["input_example.json"], ["hr"], synthetic=False)
    travels = make(input_example=example, tags={"team": "x", "mail": "y"}, requirements=["a==1", "b>=2"])

    reasons = list_reasons(travels, {"team"})

    told = [(one["kind"], one["name"]) for one in reasons]
    assert told == [("input-example", "input_example.json"), ("tag", "mail"), ("requirement", "b>=2")]


def test_made_up_rows_and_listed_tags_may_go() -> None:
    example = Example(["input_example.json"], ["hr"], synthetic=True)

    assert list_reasons(make(input_example=example, tags={"team": "x"}, requirements=["a==1"]), {"team"}) == []
