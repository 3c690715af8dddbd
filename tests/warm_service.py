"""What each start of the service would work out anew, worked out once, in the parent from which tests fork services."""

import asyncio
import importlib
from typing import Any

from sqlalchemy.orm import configure_mappers

from app.main import create_app
from app.store import migrations

LATE = (
    "app.cli",
    "anyio._backends._asyncio",
    "uvicorn.lifespan.on",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
)


async def _meet_every_route() -> None:
    """FastAPI makes its routes ready when the first request looks for its own."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b""}

    async def send(_message: Any) -> None:
        pass

    nowhere = {"type": "http", "method": "GET", "path": "/nowhere", "headers": [], "query_string": b"", "root_path": ""}
    await create_app().router(nowhere, receive, send)


for name in LATE:
    importlib.import_module(name)
configure_mappers()
migrations.heads()
asyncio.run(_meet_every_route())
