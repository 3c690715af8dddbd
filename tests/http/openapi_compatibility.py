"""What would a newer OpenAPI document break in clients that were generated from an older one?

`breaks` walks old against new. Requests may widen; responses may gain fields. Whatever goes the other way is a break,
a new enum value or union member in a response included: generated clients refuse what they do not know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

Document = dict[str, Any]
METHODS = ("get", "put", "post", "patch", "delete")
LOWER_BOUNDS = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
NAME = "x-name"
"""Where an inlined schema keeps the name it had."""


def breaks(old: Document, new: Document) -> list[str]:
    """Every break, as `operation_id place: what`; empty when clients of the old document keep working."""
    gone = [name for name in old["components"]["schemas"] if name not in new["components"]["schemas"]]
    before, after = inlined(old, old["paths"]), inlined(new, new["paths"])
    found = [f"schema {name}: the name is gone" for name in gone] + [
        text
        for path, item in before.items()
        for method in METHODS
        if method in item
        for text in operation_breaks(item[method], after.get(path, {}).get(method))
    ]
    return list(dict.fromkeys(found))


def undeclared(found: list[str], deliberate: dict[str, str]) -> list[str]:
    """The breaks that nobody listed with a reason."""
    return [text for text in found if not deliberate.get(text, "").strip()]


def inlined(document: Document, node: Any, inside: tuple[str, ...] = ()) -> Any:
    """`node` with every reference replaced by what it names; a schema within itself is left as its name."""
    if isinstance(node, list):
        return [inlined(document, item, inside) for item in node]
    if not isinstance(node, dict):
        return node
    if not isinstance(node.get("$ref"), str):
        return {key: inlined(document, value, inside) for key, value in node.items()}
    name = node["$ref"].rpartition("/")[2]
    if name in inside:
        return {NAME: name}
    return {**inlined(document, document["components"]["schemas"][name], (*inside, name)), NAME: name}


def operation_breaks(old: Document, new: Document | None) -> Iterator[str]:
    name = old["operationId"]
    if new is None:
        yield f"{name}: the operation is gone"
        return
    for member in ("operationId", "tags"):
        if old.get(member) != new.get(member):
            yield f"{name}: {member} changed"
    yield from parameter_breaks(name, old, new)
    if new.get("requestBody", {}).get("required") and not old.get("requestBody", {}).get("required"):
        yield f"{name} request: a body is now required"
    yield from content_breaks(f"{name} request", old.get("requestBody", {}), new.get("requestBody", {}), request=True)
    yield from response_breaks(name, old["responses"], new["responses"])


def parameter_breaks(name: str, old: Document, new: Document) -> Iterator[str]:
    known = {(one["in"], one["name"]): one for one in old.get("parameters", [])}
    kept = {(one["in"], one["name"]): one for one in new.get("parameters", [])}
    for key, parameter in known.items():
        if key in kept:
            yield from schema_breaks(f"{name} {key[1]}", parameter["schema"], kept[key]["schema"], request=True)
        else:
            yield f"{name} {key[1]}: the parameter is gone"
    for key, parameter in kept.items():
        if parameter.get("required") and not known.get(key, {}).get("required"):
            yield f"{name} {key[1]}: the parameter is now required"


def response_breaks(name: str, old: Document, new: Document) -> Iterator[str]:
    yield from (f"{name} {status}: is a new success" for status in new if status[0] == "2" and status not in old)
    for status, response in old.items():
        if status not in new:
            yield f"{name} {status}: is gone"
            continue
        for header in response.get("headers", {}):
            if header not in new[status].get("headers", {}):
                yield f"{name} {status}: the header {header} is gone"
        yield from content_breaks(f"{name} {status}", response, new[status], request=False)


def content_breaks(place: str, old: Document, new: Document, *, request: bool) -> Iterator[str]:
    kept = new.get("content", {})
    for media_type, content in old.get("content", {}).items():
        if media_type in kept:
            yield from schema_breaks(place, content.get("schema", {}), kept[media_type].get("schema", {}), request)
        else:
            yield f"{place}: {media_type} is gone"


def schema_breaks(place: str, old: Document, new: Document, request: bool) -> Iterator[str]:
    """Members of unions are told apart by name or type; where neither is a union, names may change freely."""
    known, kept = members(old), members(new)
    if len(known) == len(kept) == 1:
        (before,), (after,) = known.values(), kept.values()
        yield from member_breaks(place, before, after, request)
        return
    if request:
        yield from (f"{place}: {key} is no longer accepted" for key in known if key not in kept)
    else:
        yield from (f"{place}: may now be {key}" for key in kept if key not in known)
    for key in known:
        if key in kept:
            yield from member_breaks(place, known[key], kept[key], request)


def members(schema: Document) -> dict[str, Document]:
    """What a value may be, by name or type: the members of a union, or the schema alone."""
    for union in ("oneOf", "anyOf"):
        if union in schema:
            return {key: member for each in schema[union] for key, member in members(each).items()}
    return {schema.get(NAME) or json.dumps(schema.get("type", "anything")).strip('"'): schema}


def member_breaks(place: str, old: Document, new: Document, request: bool) -> Iterator[str]:
    yield from type_breaks(place, old, new, request)
    yield from value_breaks(place, old, new, request)
    if request:
        yield from bound_breaks(place, old, new)
    yield from property_breaks(place, old, new, request)
    for inner in ("items", "additionalProperties"):
        if isinstance(old.get(inner), dict) and isinstance(new.get(inner), dict):
            yield from schema_breaks(f"{place}/*", old[inner], new[inner], request)


def type_breaks(place: str, old: Document, new: Document, request: bool) -> Iterator[str]:
    narrow, wide = (types(old), types(new)) if request else (types(new), types(old))
    if not narrow <= wide:
        yield f"{place}: the type is now {new.get('type', 'anything')}"


def types(schema: Document) -> set[str]:
    """The JSON types that the schema takes."""
    stated = schema.get("type", ["array", "boolean", "integer", "null", "number", "object", "string"])
    found = {stated} if isinstance(stated, str) else set(stated)
    return found | {"integer"} if "number" in found else found


def value_breaks(place: str, old: Document, new: Document, request: bool) -> Iterator[str]:
    """A request must take every value it took; a response must give none that it did not give."""
    known, kept = values(old), values(new)
    narrow, wide = (known, kept) if request else (kept, known)
    if wide is None:
        return
    if narrow is None:
        yield f"{place}: {'only takes' if request else 'is no longer limited to'} {sorted(wide)}"
        return
    for value in sorted(narrow - wide):
        yield f"{place}: {value} {'is no longer accepted' if request else 'is a new value'}"


def values(schema: Document) -> set[str] | None:
    """The values that the schema lists, as JSON; None where it lists none."""
    listed = [schema["const"]] if "const" in schema else schema.get("enum")
    return None if listed is None else {json.dumps(value) for value in listed}


def bound_breaks(place: str, old: Document, new: Document) -> Iterator[str]:
    for bound in (*LOWER_BOUNDS, *UPPER_BOUNDS):
        before, after = old.get(bound), new.get(bound)
        raised = before is None or (after is not None and after > before)
        lowered = before is None or (after is not None and after < before)
        if after is not None and (raised if bound in LOWER_BOUNDS else lowered):
            yield f"{place}: {bound} is now {after}"
    for limit in ("pattern", "format"):
        if limit in new and new[limit] != old.get(limit):
            yield f"{place}: {limit} is now {new[limit]}"


def property_breaks(place: str, old: Document, new: Document, request: bool) -> Iterator[str]:
    known, kept = old.get("properties", {}), new.get("properties", {})
    must_before, must_now = set(old.get("required", [])), set(new.get("required", []))
    for field in known:
        if field in kept:
            yield from schema_breaks(f"{place}/{field}", known[field], kept[field], request)
        else:
            yield f"{place}/{field}: the field is gone"
    if request:
        yield from (f"{place}/{field}: the field is now required" for field in sorted(must_now - must_before))
    else:
        lapsed = sorted((must_before - must_now) & set(kept))
        yield from (f"{place}/{field}: the field is no longer always sent" for field in lapsed)
