"""No fault of the platform is a riddle to whoever called: fault_table.yaml, row by row, against the sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
import yaml
from databricks.sdk.errors.mapper import _error_mapper

from app.errors import Internal, ModelNotFound, Problem
from app.workspaces import faults
from tests.workspaces.conftest import Platform
from tests.workspaces.fault_scene import Scene, call, caused, prepare

TABLE: list[dict[str, Any]] = yaml.safe_load(Path(__file__).with_name("fault_table.yaml").read_text())
ROWS = [row for row in TABLE if "never" not in row]
# All codes that the platform's own enumeration and its audit log know for Unity Catalog and sharing, and for serving.
KINDS = ("METASTORE", "CATALOG", "SCHEMA", "TABLE", "SHARE", "RECIPIENT", "PROVIDER", "RESOURCE")
CODES = {
    *(f"{kind}_{end}" for kind in KINDS for end in ("DOES_NOT_EXIST", "ALREADY_EXISTS")),
    *("CATALOG_NOT_EMPTY", "SCHEMA_NOT_EMPTY", "PROVIDER_SHARE_NOT_ACCESSIBLE", "RESOURCE_LIMIT_EXCEEDED"),
    *("PERMISSION_NOT_PROPAGATED", "INVALID_STATE", "INVALID_STATE_TRANSITION", "ENDPOINT_NOT_FOUND"),
    *("FEATURE_DISABLED", "INVALID_PARAMETER_VALUE", "PERMISSION_DENIED", "DELTA_SHARING_SECURABLE_DELETE_BLOCKED"),
    *("QUOTA_EXCEEDED", "REQUEST_LIMIT_EXCEEDED", "TEMPORARILY_UNAVAILABLE", "RESOURCE_CONFLICT", "ABORTED"),
    "BAD_REQUEST",
}
_scenes: list[Scene] = []


@pytest.fixture
def scene(platform: Platform) -> Scene:
    """One for all rows of a test process."""
    if not _scenes:
        _scenes.append(prepare(platform))
    return _scenes[0]


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['in']} {row['fault']}" for row in ROWS])
def test_a_fault_is_told_in_two_sentences(platform: Platform, scene: Scene, row: dict[str, Any]) -> None:
    controls = {person.name for person in platform.controls.values()}
    with caused(platform, scene, row):
        before = len(platform.sandbox.effects())
        problem = find_problem(scene, row)
        effects = [effect["kind"] for effect in platform.sandbox.effects()[before:] if effect["principal"] in controls]
    assert (problem.code if problem else "done", effects) == (row["becomes"], row.get("left", []))
    if problem:
        assert len(problem.detail.rstrip(".?").split(". ")) >= 2, problem.detail
        assert problem.code != Internal.code


def find_problem(scene: Scene, row: dict[str, Any]) -> Problem | None:
    try:
        call(scene, row["call"])
    except Problem as problem:
        return problem
    return None


@pytest.mark.parametrize("status", [400, 401, 403, 404, 408, 409, 413, 418, 422, 429, 499, 500, 501, 502, 503, 504])
def test_whatever_its_status_no_known_code_is_a_riddle(status: int) -> None:
    for code in sorted(CODES | {"", "SOMETHING_NEW"}):
        answer = requests.Response()
        answer.status_code = status
        answer.request = requests.Request("GET", "http://127.0.0.1/api").prepare()
        error = _error_mapper(answer, {"error_code": code, "message": "Share 'x' is not there"})
        for missing in (None, ModelNotFound(workspace="dev", kind="model", name="m")):
            problem = faults.as_problem(error, "dev", "reading model m", missing)
            assert problem.code != Internal.code
            assert len(problem.detail.rstrip(".?").split(". ")) >= 2, problem.detail


def test_every_known_code_stands_in_the_table_or_is_said_never_to_come() -> None:
    named = {word.rstrip(":") for row in TABLE for word in row["fault"].split()}
    assert CODES - named == set()
    assert len({(row["in"], row["fault"]) for row in TABLE}) == len(TABLE)
