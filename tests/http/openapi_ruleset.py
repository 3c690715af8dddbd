"""What the OpenAPI document must be for generated clients to be good: each rule yields where the document breaks it.

The first part holds the rules of a Spectral ruleset, by their names; the second those that Spectral cannot say well.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

Document = dict[str, Any]
Rule = Callable[[Document], Iterator[str]]

METHODS = ("get", "put", "post", "patch", "delete")
VERBS = (
    "get|list|create|plan|update|put|delete|check|cancel|retry|approve|rollback|retire|pause|resume|abort|finish|stop"
    "|verify|export|watch|invoke|record"
)
OPERATION_ID = re.compile(rf"({VERBS})_[a-z][a-z_]*")
PATH = re.compile(r"/v1(/[a-z]+(-[a-z]+)*|/\{[a-z_]+\})+(:[a-z]+)?")
ALWAYS_DOCUMENTED = ("400", "401", "403", "422", "429", "500", "503")
PROBLEM_CONTENT = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
CLOSED_FOR_GOOD = {"OperationState"}
"""The enums that responses may hold: a value added to one breaks clients that are deployed."""


def operation_tag_defined(document: Document) -> Iterator[str]:
    defined = {tag["name"] for tag in document.get("tags", [])}
    for where, operation in operations(document):
        yield from (f"{where}: {tag}" for tag in operation.get("tags", []) if tag not in defined)


def oas3_unused_component(document: Document) -> Iterator[str]:
    referenced = {value for _, key, value in walk(document) if key == "$ref"}
    for name in document.get("components", {}).get("schemas", {}):
        if f"#/components/schemas/{name}" not in referenced:
            yield name


def id(document: Document) -> Iterator[str]:
    for where, operation in operations(document):
        if not OPERATION_ID.fullmatch(operation.get("operationId", "")):
            yield f"{where}: {operation.get('operationId')}"


def path(document: Document) -> Iterator[str]:
    yield from (path for path in document["paths"] if not PATH.fullmatch(path))


def verb_post(document: Document) -> Iterator[str]:
    for path, item in document["paths"].items():
        if re.search(r":[a-z]+$", path):
            yield from (f"{method} {path}" for method in METHODS if method != "post" and method in item)


def one_tag(document: Document) -> Iterator[str]:
    yield from (where for where, operation in operations(document) if len(operation.get("tags", [])) != 1)


def problems(document: Document) -> Iterator[str]:
    for where, operation in operations(document):
        yield from (f"{where}: no {status}" for status in ALWAYS_DOCUMENTED if status not in operation["responses"])
        if "default" in operation["responses"]:
            yield f"{where}: default"


def problem(document: Document) -> Iterator[str]:
    for where, status, response in responses(document):
        if status[0] in "45" and response.get("content") != PROBLEM_CONTENT:
            yield f"{where} {status}"


def accepted(document: Document) -> Iterator[str]:
    for where, status, response in responses(document):
        schema = response.get("content", {}).get("application/json", {}).get("schema", {})
        if status == "202" and "Location" not in response.get("headers", {}):
            yield f"{where}: no Location"
        if status == "202" and schema.get("$ref") != "#/components/schemas/Operation":
            yield f"{where}: no Operation but {schema.get('$ref')}"


def key(document: Document) -> Iterator[str]:
    for where, operation in operations(document):
        required = {parameter["name"] for parameter in operation.get("parameters", []) if parameter.get("required")}
        if "202" in operation["responses"] and "Idempotency-Key" not in required:
            yield where


def page(document: Document) -> Iterator[str]:
    for where, operation in operations(document):
        if operation.get("operationId", "").startswith("list_"):
            content = operation["responses"].get("200", {}).get("content", {})
            schema = resolved(document, content.get("application/json", {}).get("schema", {}))
            if not {"items", "next_page_token"} <= set(schema.get("required", [])):
                yield where


def fields(document: Document) -> Iterator[str]:
    for name, schema in schemas(document):
        yield from (
            f"{name}.{field}" for field in schema.get("properties", {}) if not re.fullmatch("[a-z][a-z0-9_]*", field)
        )


def names(document: Document) -> Iterator[str]:
    for name, _ in schemas(document):
        if not re.fullmatch("[A-Z][A-Za-z0-9]*", name) or name == "HTTPValidationError":
            yield name


def union(document: Document) -> Iterator[str]:
    yield from (
        where for where, key, _ in walk(document) if key == "oneOf" and "discriminator" not in at(document, where)
    )


def any_of(document: Document) -> Iterator[str]:
    for where, key, value in walk(document):
        if key == "anyOf" and sum("$ref" in member for member in value) > 1:
            yield where


def no_null(document: Document) -> Iterator[str]:
    for where, operation in operations(document):
        for parameter in operation.get("parameters", []):
            if "anyOf" in parameter.get("schema", {}):
                yield f"{where}: {parameter['name']}"


def no_item(document: Document) -> Iterator[str]:
    yield from (where for where, key, _ in walk(document) if key == "itemSchema")


def version(document: Document) -> Iterator[str]:
    if document["openapi"] != "3.1.0":
        yield document["openapi"]


def unique_id(document: Document) -> Iterator[str]:
    counted = Counter(operation.get("operationId") for _, operation in operations(document))
    yield from (str(operation_id) for operation_id, count in counted.items() if count > 1)


def described(document: Document) -> Iterator[str]:
    for where, operation in operations(document):
        if not operation.get("description"):
            yield where
        yield from (
            f"{where}: {parameter['name']}"
            for parameter in operation.get("parameters", [])
            if parameter["in"] != "path" and not parameter.get("description")
        )


def one_success(document: Document) -> Iterator[str]:
    for where, operation in operations(document):
        found = {
            status: str(response.get("content"))
            for status, response in operation["responses"].items()
            if status.startswith("2")
        }
        # A 204 beside another says that there is nothing, which is no second form.
        forms = {content for status, content in found.items() if status != "204" or len(found) == 1}
        if len(forms) != 1:
            yield f"{where}: {len(forms)} forms of success"


def closed_requests(document: Document) -> Iterator[str]:
    for name in sorted(used_in_requests(document)):
        schema = document["components"]["schemas"][name]
        if "properties" in schema and schema.get("additionalProperties") is not False:
            yield name


def complete_responses(document: Document) -> Iterator[str]:
    for name in sorted(used_in_responses(document) - {"Problem", "ProblemError"}):
        schema = document["components"]["schemas"][name]
        yield from (
            f"{name}.{field}" for field in schema.get("properties", {}) if field not in schema.get("required", [])
        )


def separate_models(document: Document) -> Iterator[str]:
    for name in sorted(used_in_requests(document) & used_in_responses(document)):
        if "properties" in document["components"]["schemas"][name]:
            yield name


def open_answers(document: Document) -> Iterator[str]:
    for name in sorted(used_in_responses(document)):
        keys = [key for _, key, _ in walk(document["components"]["schemas"][name])]
        if "enum" in keys and name not in CLOSED_FOR_GOOD:
            yield f"{name} holds an enum"
        if "oneOf" in keys:
            yield f"{name} holds a oneOf"


RULES: tuple[Rule, ...] = (
    operation_tag_defined,
    oas3_unused_component,
    id,
    path,
    verb_post,
    one_tag,
    problems,
    problem,
    accepted,
    key,
    page,
    fields,
    names,
    union,
    any_of,
    no_null,
    no_item,
    version,
    unique_id,
    described,
    one_success,
    closed_requests,
    complete_responses,
    separate_models,
    open_answers,
)


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, item in document["paths"].items():
        yield from ((f"{method} {path}", item[method]) for method in METHODS if method in item)


def responses(document: Document) -> Iterator[tuple[str, str, Document]]:
    for where, operation in operations(document):
        yield from ((where, status, response) for status, response in operation["responses"].items())


def schemas(document: Document) -> Iterator[tuple[str, Document]]:
    yield from document.get("components", {}).get("schemas", {}).items()


def walk(node: Any, where: str = "") -> Iterator[tuple[str, str, Any]]:
    """Every key of every object in the document: the pointer of the object, the key, its value."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield where, key, value
            yield from walk(value, f"{where}/{key.replace('~', '~0').replace('/', '~1')}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from walk(value, f"{where}/{index}")


def at(document: Any, pointer: str) -> Any:
    for step in pointer.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        document = document[int(step)] if isinstance(document, list) else document[step]
    return document


def resolved(document: Document, schema: Document) -> Document:
    return at(document, schema["$ref"].removeprefix("#")) if "$ref" in schema else schema


def used_in_requests(document: Document) -> set[str]:
    return reached(document, [operation.get("requestBody", {}) for _, operation in operations(document)])


def used_in_responses(document: Document) -> set[str]:
    return reached(document, [response for _, _, response in responses(document)])


def reached(document: Document, roots: list[Any]) -> set[str]:
    """The names of the schemas that `roots` refer to, directly or through others."""
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        for _, key, value in walk(waiting.pop()):
            name = str(value).rpartition("/")[2]
            if key == "$ref" and name not in found:
                found.add(name)
                waiting.append(document["components"]["schemas"][name])
    return found
