"""Strong ETags: a digest of the body, so that a caller who sends it back is told only that nothing has changed."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, TypeVar

from fastapi import Header, Response
from pydantic.json_schema import SkipJsonSchema

from app.http.conventions.bodies import Response as Answer

Body = TypeVar("Body", bound=Answer)
IfNoneMatch = Annotated[
    str | SkipJsonSchema[None],
    Header(alias="If-None-Match", max_length=200, description="An `ETag`: answer 304 while it still holds."),
]
UNCHANGED: dict[int | str, dict[str, Any]] = {304: {"description": "Unchanged."}}


def tag(body: Answer) -> str:
    """The ETag of a body: the same for the same bytes, and for no others."""
    return '"' + hashlib.sha256(body.model_dump_json().encode()).hexdigest()[:24] + '"'


def answer(body: Body, response: Response, if_none_match: str | None) -> Body:
    """The body with its ETag, or an empty 304 when the caller has it already; nobody who did not ask gets one."""
    response.headers["ETag"] = tag(body)
    if if_none_match == response.headers["ETag"]:
        return Response(status_code=304, headers=response.headers)  # type: ignore[return-value]
    return body
