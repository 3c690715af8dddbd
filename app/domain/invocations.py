"""Predictions: who may ask which endpoint, decided before a byte goes upstream."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Mapping
from contextlib import asynccontextmanager

from app.domain.access import Caller, Name, check_live
from app.domain.serving_endpoints import NAME
from app.errors import RequestInvalid
from app.workspaces import invocations
from app.workspaces.invocations import Answer as Answer

ACTION = "predict"


def check(caller: Caller, workspace: str, endpoint: str, served: str | None = None) -> None:
    """Raise unless these are names that can be in an address, and the caller may ask that endpoint."""
    for place, name in (("endpoint", endpoint), ("served_model", served)):
        if name is not None and not NAME.fullmatch(name):
            detail = "a name is 1 to 63 letters, digits, dashes and underscores"
            raise RequestInvalid(count=1, errors=[{"pointer": place, "detail": detail}])
    check_live(caller, ACTION, Name("endpoint", workspace, endpoint))


@asynccontextmanager
async def invoking(
    workspace: str, endpoint: str, served: str | None, headers: Mapping[str, str], body: AsyncIterable[bytes]
) -> AsyncIterator[Answer]:
    """Send a request that `check` let pass and yield the endpoint's answer; what is not a 200 is a problem instead."""
    async with invocations.invoking(workspace, endpoint, served=served, headers=headers, body=body) as answer:
        yield answer


async def close() -> None:
    """Close the connections to the workspaces."""
    await invocations.close()
