"""The OpenAPI document as a product: what the framework writes by itself, mended for people who generate clients."""

from __future__ import annotations

import json
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from app.http.conventions.problems import ProblemBody, ProblemError

TEMPLATE = "#/components/schemas/{model}"


def build(app: FastAPI) -> dict[str, Any]:
    """The document of the application, built once."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            openapi_version="3.1.0",
            description=app.description,
            routes=app.routes,
            tags=app.openapi_tags,
            servers=[{"url": "/"}],
        )
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.pop("HTTPValidationError", None)
        schemas.pop("ValidationError", None)
        schemas.update(_problem_schemas())
        for path in document["paths"].values():
            for operation in path.values():
                operation["security"] = [{"bearer": []}]
        app.openapi_schema = _rename(_tidy(document))
    return app.openapi_schema


def _problem_schemas() -> dict[str, Any]:
    models = [(ProblemBody, "serialization"), (ProblemError, "serialization")]
    _, described = models_json_schema(models, ref_template=TEMPLATE)  # type: ignore[arg-type]
    definitions = described["$defs"]
    return {name: definitions[name] for name in ("ProblemBody", "ProblemError")}


def _rename(document: dict[str, Any]) -> dict[str, Any]:
    """A response's class is called `OperationBody`, beside the domain's `Operation`; clients know it as `Operation`."""
    text = json.dumps(document)
    for name in document["components"]["schemas"]:
        if name.endswith("Body"):
            text = text.replace(f'"{name}"', f'"{name[:-4]}"').replace(f'/{name}"', f'/{name[:-4]}"')
    renamed: dict[str, Any] = json.loads(text)
    return renamed


def _tidy(node: Any, is_properties: bool = False) -> Any:
    """Drop the titles that only repeat names, and write whole bounds of integers as integers."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    is_schema = not is_properties and ("type" in node or "anyOf" in node or "$ref" in node or "enum" in node)
    tidied = {}
    for key, value in node.items():
        if key == "title" and is_schema and isinstance(value, str):
            continue
        if node.get("type") == "integer" and isinstance(value, float) and value.is_integer():
            tidied[key] = int(value)
        else:
            tidied[key] = _tidy(value, is_properties=key in {"properties", "schemas"})
    return tidied
