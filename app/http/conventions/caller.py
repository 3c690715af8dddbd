"""Who is calling: the bearer of every request under /v1, resolved before anything else is looked at."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPBearer
from fastapi.security.utils import get_authorization_scheme_param

from app.domain import api_keys
from app.domain.access import Caller

bearer = HTTPBearer(auto_error=False, scheme_name="bearer", description="A Causeway API key: `cwk_…`")


def current_caller(request: Request) -> Caller:
    """The caller; raises `Unauthenticated`. Runs in a thread: the key may have to be read from the database."""
    scheme, token = get_authorization_scheme_param(request.headers.get("authorization"))
    caller = api_keys.authenticate(token if scheme.lower() == "bearer" else None, request.state.request_id)
    request.state.principal = caller.principal
    return caller


CurrentCaller = Annotated[Caller, Depends(current_caller)]
