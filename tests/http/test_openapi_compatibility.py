"""Does the compatibility check see every planted break of a deployed client, and nothing in harmless additions?"""

from __future__ import annotations

from typing import Any

import pytest

from tests.http.openapi_compatibility import breaks, undeclared
from tests.http.openapi_sample import GONE, STRING, accepted, changed, content, model, operation, ref, sample

LIST = "/paths/~1v1~1training-runs/get"
CREATE = "/paths/~1v1~1training-runs/post"
CANCEL = "/paths/~1v1~1training-runs~1{id}:cancel"
REQUEST = "/components/schemas/TrainingRunRequest"
RUN = "/components/schemas/TrainingRun"
PAGE = ("items", "next_page_token")
INTEGER = {"type": "integer"}
KEY = {"name": "Idempotency-Key", "in": "header", "required": True, "schema": STRING}

# What is broken, where, with what, and the line that says so.
BREAKS: list[tuple[str, str, Any, str]] = [
    ("operation gone", CANCEL, GONE, "cancel_training_run: the operation is gone"),
    ("operationId renamed", f"{LIST}/operationId", "list_runs", "list_training_runs: operationId changed"),
    ("tag changed", f"{LIST}/tags", ["runs"], "list_training_runs: tags changed"),
    ("parameter removed", f"{LIST}/parameters/0", GONE, "list_training_runs page_size: the parameter is gone"),
    (
        "parameter required",
        f"{LIST}/parameters/0/required",
        True,
        "list_training_runs page_size: the parameter is now required",
    ),
    (
        "required parameter added",
        f"{LIST}/parameters/-",
        KEY,
        "list_training_runs Idempotency-Key: the parameter is now required",
    ),
    (
        "parameter bound tightened",
        f"{LIST}/parameters/0/schema/maximum",
        100,
        "list_training_runs page_size: maximum is now 100",
    ),
    (
        "body required",
        f"{CANCEL}/post/requestBody",
        {"required": True, "content": content("TrainingRunRequest")},
        "cancel_training_run request: a body is now required",
    ),
    (
        "request field required",
        f"{REQUEST}/required",
        ["project", "engine", "metric"],
        "create_training_run request/metric: the field is now required",
    ),
    (
        "request field gone",
        f"{REQUEST}/properties/metric",
        GONE,
        "create_training_run request/metric: the field is gone",
    ),
    (
        "request enum value gone",
        f"{REQUEST}/properties/metric/enum",
        ["rmse"],
        'create_training_run request/metric: "mae" is no longer accepted',
    ),
    (
        "request enum added",
        f"{REQUEST}/properties/project/enum",
        ["bikes"],
        "create_training_run request/project: only takes ['\"bikes\"']",
    ),
    (
        "request union member gone",
        f"{REQUEST}/properties/engine/oneOf/1",
        GONE,
        "create_training_run request/engine: FixedEngine is no longer accepted",
    ),
    (
        "request lower bound raised",
        f"{REQUEST}/properties/budget_seconds/minimum",
        30,
        "create_training_run request/budget_seconds: minimum is now 30",
    ),
    (
        "request upper bound added",
        f"{REQUEST}/properties/budget_seconds/maximum",
        60,
        "create_training_run request/budget_seconds: maximum is now 60",
    ),
    (
        "request pattern added",
        f"{REQUEST}/properties/project/pattern",
        "^[a-z]+$",
        "create_training_run request/project: pattern is now ^[a-z]+$",
    ),
    (
        "request type changed",
        f"{REQUEST}/properties/project",
        INTEGER,
        "create_training_run request/project: the type is now integer",
    ),
    (
        "response field gone",
        f"{RUN}/properties/trials",
        GONE,
        "list_training_runs 200/items/*/trials: the field is gone",
    ),
    (
        "response field optional",
        f"{RUN}/required",
        ["id"],
        "list_training_runs 200/items/*/trials: the field is no longer always sent",
    ),
    (
        "response type changed",
        f"{RUN}/properties/trials",
        STRING,
        "list_training_runs 200/items/*/trials: the type is now string",
    ),
    (
        "response field nullable",
        f"{RUN}/properties/trials",
        {"anyOf": [INTEGER, {"type": "null"}]},
        "list_training_runs 200/items/*/trials: may now be null",
    ),
    (
        "response enum value added",
        "/components/schemas/OperationState/enum/-",
        "PAUSED",
        'create_training_run 202/state: "PAUSED" is a new value',
    ),
    (
        "response enum opened",
        "/components/schemas/OperationState/enum",
        GONE,
        "create_training_run 202/state: is no longer limited to",
    ),
    (
        "response union made",
        f"{RUN}/properties/id",
        {"oneOf": [STRING, ref("FlamlEngine")]},
        "list_training_runs 200/items/*/id: may now be FlamlEngine",
    ),
    (
        "response header gone",
        f"{CREATE}/responses/202/headers/Location",
        GONE,
        "create_training_run 202: the header Location is gone",
    ),
    (
        "response media type gone",
        f"{LIST}/responses/404/content",
        {},
        "list_training_runs 404: application/problem+json is gone",
    ),
    ("status removed", f"{LIST}/responses/404", GONE, "list_training_runs 404: is gone"),
    ("new success", f"{LIST}/responses/202", accepted(), "list_training_runs 202: is a new success"),
]
ADDITIONS: list[tuple[str, str, Any]] = [
    ("operation", f"{CANCEL}/get", operation("get_training_run", {"200": {"content": content("TrainingRun")}})),
    ("optional parameter", f"{LIST}/parameters/-", {**KEY, "required": False}),
    ("optional request field", f"{REQUEST}/properties/seed", INTEGER),
    ("request enum value", f"{REQUEST}/properties/metric/enum/-", "r2"),
    ("request union member", f"{REQUEST}/properties/engine/oneOf/-", ref("TrainingRun")),
    ("wider bound", f"{REQUEST}/properties/project/maxLength", 100),
    ("bound lifted", f"{REQUEST}/properties/budget_seconds/minimum", GONE),
    ("request field no longer required", f"{REQUEST}/required", ["project"]),
    ("response field", f"{RUN}/properties/best", STRING),
    ("response object behind another name", f"{LIST}/responses/200/content/application~1json/schema",
     model({"items": {"type": "array", "items": ref("TrainingRun")}, "next_page_token": STRING}, *PAGE)),
    ("problem status", f"{LIST}/responses/409", {"content": {"application/problem+json": {"schema": ref("Problem")}}}),
    ("description", f"{LIST}/description", "Better words."),
]  # fmt: skip


@pytest.mark.parametrize(("pointer", "value", "line"), [row[1:] for row in BREAKS], ids=[row[0] for row in BREAKS])
def test_a_break_of_deployed_clients_is_seen(pointer: str, value: Any, line: str) -> None:
    found = breaks(sample(), changed(sample(), pointer, value))
    assert [text for text in found if text.startswith(line)], found


@pytest.mark.parametrize(("pointer", "value"), [row[1:] for row in ADDITIONS], ids=[row[0] for row in ADDITIONS])
def test_an_addition_is_no_break(pointer: str, value: Any) -> None:
    assert breaks(sample(), changed(sample(), pointer, value)) == []


def test_a_renamed_schema_is_a_break_though_its_shape_stays() -> None:
    renamed = changed(sample(), "/components/schemas/Run", sample()["components"]["schemas"]["TrainingRun"])
    renamed = changed(renamed, "/components/schemas/TrainingRunPage/properties/items/items", ref("Run"))
    assert breaks(sample(), changed(renamed, RUN, GONE)) == ["schema TrainingRun: the name is gone"]


def test_a_schema_within_itself_is_walked_once() -> None:
    tree = changed(sample(), f"{RUN}/properties/parent", ref("TrainingRun"))
    assert breaks(tree, tree) == []
    assert breaks(tree, changed(tree, f"{RUN}/properties/id", INTEGER))


def test_a_break_is_let_pass_only_with_a_reason() -> None:
    found = breaks(sample(), changed(sample(), CANCEL, GONE))
    assert undeclared(found, {}) == found
    assert undeclared(found, {found[0]: " "}) == found
    assert undeclared(found, {found[0]: "Nobody could cancel anyway."}) == []
