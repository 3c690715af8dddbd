"""A small document that keeps every rule and shows every shape, for tests to plant breaks in."""

from __future__ import annotations

import copy
from typing import Any

Document = dict[str, Any]
GONE = object()
"""As a value for `changed`: take the place away."""


def sample() -> Document:
    """A list, a start of slow work, a verb and the schemas that they need."""
    create = operation("create_training_run", {"202": accepted()})
    create["parameters"] = [
        {"name": "Idempotency-Key", "in": "header", "required": True, "description": "One an intent.", "schema": STRING}
    ]
    create["requestBody"] = {"required": True, "content": content("TrainingRunRequest")}
    listing = operation(
        "list_training_runs", {"200": {"description": "A page.", "content": content("TrainingRunPage")}}
    )
    listing["parameters"] = [
        {"name": "page_size", "in": "query", "required": False, "description": "How many.", "schema": dict(PAGE_SIZE)},
        {
            "name": "state",
            "in": "query",
            "required": False,
            "description": "Only in it.",
            "schema": ref("OperationState"),
        },
    ]
    cancel = operation(
        "cancel_training_run", {"200": {"description": "As it is now.", "content": content("Operation")}}
    )
    return copy.deepcopy(
        {
            "openapi": "3.1.0",
            "info": {"title": "Sample", "version": "1"},
            "tags": [{"name": "training_runs", "description": "Training."}],
            "paths": {
                "/v1/training-runs": {"get": listing, "post": create},
                "/v1/training-runs/{id}:cancel": {"post": cancel},
            },
            "components": {"schemas": SCHEMAS},
        }
    )


def changed(document: Document, pointer: str, value: Any) -> Document:
    """A copy with `value` at the JSON pointer; `GONE` takes the place away, a last step `-` appends to a list."""
    spoiled = copy.deepcopy(document)
    node: Any = spoiled
    *steps, last = [step.replace("~1", "/") for step in pointer.split("/")[1:]]
    for step in steps:
        node = node[int(step)] if isinstance(node, list) else node[step]
    if value is GONE:
        del node[int(last) if isinstance(node, list) else last]
    elif last == "-":
        node.append(value)
    else:
        node[int(last) if isinstance(node, list) else last] = value
    return spoiled


def operation(operation_id: str, success: Document) -> Document:
    problems = {
        status: {"description": "A problem.", "content": {"application/problem+json": {"schema": ref("Problem")}}}
        for status in ("400", "401", "403", "404", "422", "429", "500", "503")
    }
    return {
        "operationId": operation_id,
        "tags": ["training_runs"],
        "description": "What it does.",
        "responses": {**success, **problems},
    }


def accepted() -> Document:
    location = {"description": "The operation.", "schema": STRING}
    return {"description": "Accepted.", "headers": {"Location": location}, "content": content("Operation")}


def content(schema: str) -> Document:
    return {"application/json": {"schema": ref(schema)}}


def ref(schema: str) -> Document:
    return {"$ref": f"#/components/schemas/{schema}"}


def model(properties: Document, *required: str, **more: Any) -> Document:
    return {"type": "object", "properties": properties, "required": list(required), **more}


STRING = {"type": "string"}
PAGE_SIZE = {"type": "integer", "minimum": 1, "maximum": 200}
NULLABLE = {"anyOf": [STRING, {"type": "null"}]}
SCHEMAS = {
    "Problem": model({"code": STRING, "status": {"type": "integer"}}, "code", "status"),
    "OperationState": {"type": "string", "enum": ["PENDING", "RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"]},
    "Operation": model(
        {"id": STRING, "state": ref("OperationState"), "finished_at": NULLABLE}, "id", "state", "finished_at"
    ),
    "TrainingRun": model({"id": STRING, "trials": {"type": "integer"}}, "id", "trials"),
    "TrainingRunPage": model(
        {"items": {"type": "array", "items": ref("TrainingRun")}, "next_page_token": NULLABLE},
        "items",
        "next_page_token",
    ),
    "TrainingRunRequest": model(
        {
            "project": {"type": "string", "maxLength": 60},
            "budget_seconds": {"type": "integer", "minimum": 1},
            "metric": {"type": "string", "enum": ["rmse", "mae"]},
            "engine": {
                "oneOf": [ref("FlamlEngine"), ref("FixedEngine")],
                "discriminator": {"propertyName": "kind"},
            },
        },
        "project",
        "engine",
        additionalProperties=False,
    ),
    "FlamlEngine": model({"kind": {"const": "FLAML"}}, "kind", additionalProperties=False),
    "FixedEngine": model({"kind": {"const": "FIXED"}}, "kind", additionalProperties=False),
}
