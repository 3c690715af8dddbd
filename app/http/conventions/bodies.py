"""How request and response bodies behave: requests refuse what they do not know, responses always send every key."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, field_validator


def _refuse_bool_and_str(value: Any) -> Any:
    # Pydantic takes true for 1 and "3" for 3; its strict mode would refuse 5.0, an integer to JSON Schema.
    if isinstance(value, bool | str):
        raise ValueError("an integer is needed")
    return value


Strictly = BeforeValidator(_refuse_bool_and_str)
"""Goes behind the bounds: `Annotated[int, Field(ge=1), Strictly]`."""

Time = Annotated[
    datetime, PlainSerializer(lambda at: at.isoformat(timespec="milliseconds").replace("+00:00", "Z"), str, "json")
]


class OnConflict(StrEnum):
    """What becomes of a request while another operation is changing the same thing.

    `reject` refuses it with `operation-in-progress`. `queue` accepts it, to begin when those before it have ended;
    `waiting_for` names the one that is under way. What was checked when it was accepted may have changed by then: the
    operation looks again, and fails where it must.
    """

    REJECT = "reject"
    QUEUE = "queue"


class Request(BaseModel):
    """A body that callers send; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @field_validator("*")
    @classmethod
    def _refuse_what_is_no_text(cls, value: Any) -> Any:
        # PostgreSQL takes no \u0000 in a text, nothing takes half of a surrogate pair. Addresses are held to the same.
        if not all(map(_can_be_kept, _iterate_texts(value))):
            raise ValueError("it holds a character that no text has: \\u0000, or half of a surrogate pair")
        return value


def _iterate_texts(value: Any) -> Iterator[str]:
    """All texts in what JSON can say, names of fields too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in (*value, *value.values()) if isinstance(value, dict) else value:
            yield from _iterate_texts(one)


def _can_be_kept(text: str) -> bool:
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False


class Response(BaseModel):
    """A body that callers get; every key is always there, and keys may be added in later releases."""

    model_config = ConfigDict(
        from_attributes=True, use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    )
