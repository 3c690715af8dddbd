"""How request and response bodies behave: requests refuse what they do not know, responses always send every key."""

from __future__ import annotations

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
    def _refuse_nul(cls, value: Any) -> Any:
        # No name holds one, and PostgreSQL takes none in a text. Addresses are held to the same.
        if isinstance(value, str) and "\0" in value:
            raise ValueError("it holds a character that no name has: \\u0000")
        return value


class Response(BaseModel):
    """A body that callers get; every key is always there, and keys may be added in later releases."""

    model_config = ConfigDict(
        from_attributes=True, use_attribute_docstrings=True, json_schema_serialization_defaults_required=True
    )
