"""Is every field, parameter and enum one that was declared? The check behind the wire's strictness."""

from collections.abc import Mapping, Sequence
from dataclasses import fields as dataclass_fields
from dataclasses import is_dataclass
from enum import Enum
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from app.sandbox import errors

# Names (with a trailing ! when required) to types; what types there are is told at the top of wire.py.
Declared = Mapping[str, Any]
_SCALARS = {str: "string", int: "integer", float: "number", bool: "boolean", dict: "object"}


def check_fields(declared: Declared, given: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """The given fields with their declared types; 400 names the first one that is unknown, missing or wrong."""
    types = {name.rstrip("!"): declared_type for name, declared_type in declared.items()}
    for name in given:
        if name not in types:
            raise errors.invalid(f"Unknown field '{where}{name}' in the request.")
    for name in declared:
        if name.endswith("!") and given.get(name[:-1]) in (None, ""):
            raise errors.invalid(f"Missing required field: {where}{name[:-1]}")
    return {
        name: check_value(types[name], value, f"{where}{name}") for name, value in given.items() if value is not None
    }


def check_query(declared: Declared, given: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Query parameters, parsed by their declared types; one declared as [type] may come several times."""
    types = {name.rstrip("!"): declared_type for name, declared_type in declared.items()}
    merged: dict[str, Any] = {}
    for name, text in given:
        if isinstance(types.get(name), list):
            merged.setdefault(name, []).append(text)
        else:
            merged[name] = _parse_text(types.get(name), text)
    return check_fields(declared, merged)


def check_value(declared: Any, value: Any, where: str) -> Any:
    """The value when it is of the declared type (int64 may come as text, as in proto JSON); else 400."""
    if declared is object:
        return value
    if isinstance(declared, list):
        if not isinstance(value, list):
            raise errors.invalid(f"Field '{where}' must be an array.")
        return [check_value(declared[0], item, f"{where}[{number}]") for number, item in enumerate(value)]
    if isinstance(declared, Mapping) or is_dataclass(declared):
        if not isinstance(value, dict):
            raise errors.invalid(f"Field '{where}' must be an object.")
        inner = declared if isinstance(declared, Mapping) else fields_of(cast(type, declared))
        return check_fields(inner, value, f"{where}.")
    if isinstance(declared, type) and issubclass(declared, Enum):
        if value not in {member.value for member in declared}:
            allowed = ", ".join(str(member.value) for member in declared)
            raise errors.invalid(f"Invalid value '{value}' for field '{where}'. Expected one of: {allowed}")
        return value
    return _check_scalar(declared, value, where)


@cache
def fields_of(dataclass: type) -> dict[str, Any]:
    """The fields of an SDK dataclass with their types, as a declaration; their names are those on the wire."""
    hints = get_type_hints(dataclass)
    return {field.name: _declared(hints[field.name]) for field in dataclass_fields(dataclass)}


def _check_scalar(declared: Any, value: Any, where: str) -> Any:
    if declared is int and isinstance(value, str) and value.lstrip("-").isdigit():
        return int(value)
    accepted = (int, float) if declared is float else declared
    if not isinstance(value, accepted) or (isinstance(value, bool) and declared is not bool):
        raise errors.invalid(f"Field '{where}' must be of type {_SCALARS[declared]}.")
    return value


def _parse_text(declared: Any, text: str) -> Any:
    if declared is bool and text in ("true", "false"):
        return text == "true"
    if declared is float:
        try:
            return float(text)
        except ValueError:
            return text
    return text


def _declared(hint: Any) -> Any:
    """A Python annotation of the SDK as one of our declared types."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return _declared(next(part for part in inner if part is not NoneType))
    if origin is list:
        return [_declared(inner[0])]
    if origin is dict or hint is dict:
        return dict
    if hint in _SCALARS or is_dataclass(hint) or (isinstance(hint, type) and issubclass(hint, Enum)):
        return hint
    return object
