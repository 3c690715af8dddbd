"""Pages: `items` and `next_page_token`; a token is opaque, and bound to the list and the filters it was made for."""

from __future__ import annotations

import hashlib
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Query
from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from app.errors import PageTokenInvalid
from app.http.conventions.bodies import Response, Strictly

PageSize = Annotated[int, Query(ge=1, le=200, description="How many items a page holds at most.")]
PageToken = Annotated[
    str | SkipJsonSchema[None], Query(max_length=1000, description="`next_page_token` of the page before.")
]

__all__ = ["PageBody", "PageSize", "PageToken", "Strictly", "decode", "encode", "read"]


class PageBody(Response):
    """What every page has beside its items."""

    next_page_token: str | None = Field(default=None)
    """Where the next page begins; null at the end. A page may be empty and still have one."""


@dataclass(frozen=True)
class Listing:
    """One reading of a list: which rows it wants (`equal`), and where it goes on (`after`)."""

    name: str
    equal: dict[str, Any]
    after: str | None

    def encode(self, after: str | None) -> str | None:
        """The token for the page behind `after`."""
        return encode(after, self.name, self.equal)


def read(name: str, token: str | None, **filters: Any) -> Listing:
    """What a caller asks of the list `name`, filters without a value left out; raises `PageTokenInvalid`."""
    equal = {column: value for column, value in filters.items() if value is not None}
    return Listing(name, equal, decode(token, name, equal))


def encode(after: str | None, listing: str, filters: dict[str, Any]) -> str | None:
    """The token for the page behind `after`."""
    if after is None:
        return None
    return urlsafe_b64encode(json.dumps([after, _binding(listing, filters)]).encode()).decode().rstrip("=")


def decode(token: str | None, listing: str, filters: dict[str, Any]) -> str | None:
    """Where to go on; raises `PageTokenInvalid` for a token of another list, of other filters, or made up."""
    if token is None:
        return None
    try:
        padded = token + "=" * (-len(token) % 4)
        after, binding = json.loads(urlsafe_b64decode(padded.encode()))
    except (ValueError, TypeError, RecursionError) as error:
        raise PageTokenInvalid from error
    if binding != _binding(listing, filters) or not isinstance(after, str):
        raise PageTokenInvalid
    return after


def _binding(listing: str, filters: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([listing, filters], sort_keys=True).encode()).hexdigest()[:16]
