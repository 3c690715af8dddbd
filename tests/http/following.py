"""A service whose operations are moved by the tests, on either database, and clients that follow them."""

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from sqlmodel import Session, text

from app import configuration
from app.domain import api_keys, audit
from app.store import changes, connection, database, steps, transitions
from app.store.operations import Operation
from tests.http.conftest import ALICE, make_configuration
from tests.postgres import new_database, sqlalchemy_url
from tests.service_process import PLAIN, Service

DEADLINE_SECONDS = 30
# Given up before the service does: a request on a connection that is just being closed fails.
LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=300, keepalive_expiry=2)
assert changes.CHANNEL  # importing it is what makes changes that are made here announced


class Followed:
    """A running service, and the database below it, where the tests do what workflows would."""

    def __init__(self, folder: Path, kind: str) -> None:
        environment = {"TEST_TOKEN": "nothing", "CAUSEWAY_SWEEP_SECONDS": "3600"}
        self.url = f"sqlite:///{folder / 'data' / 'causeway.sqlite'}"
        if kind == "postgres":
            environment["CAUSEWAY_DATABASE_URL"] = new_database()
            self.url = sqlalchemy_url(environment["CAUSEWAY_DATABASE_URL"])
        self.service = Service(folder, make_configuration(), environment)
        self.key = self.make_key(ALICE)

    def do(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        connection.connect(self.url)
        try:
            return function(*args, **kwargs)
        finally:
            connection.disconnect()

    def make_key(self, principal: str) -> str:
        configuration.use(self.service.configuration_path)
        made = self.do(api_keys.create, principal, None, days=1, created_by="operator:tests")
        return str(made.token)

    def begin(self) -> str:
        """An operation that runs, and which no engine knows."""
        suffix = uuid.uuid4().hex[:26]
        made = Operation(
            id=f"op_{suffix}",
            kind="publish",
            project="bikes",
            principal=ALICE,
            request_digest="",
            resource_kind="publication",
            resource_id=f"pub_{suffix}",
        )
        event = audit.event(ALICE, "publish requested", "bikes", made.resource_id, made.id)
        self.do(transitions.insert, made, None, event, queue=False)
        self.do(transitions.begin, made.id)
        return made.id

    def tell(self, operation_id: str, words: str) -> None:
        self.do(steps.record, operation_id, "copy", state="RUNNING", tries=1, text=words, error=None)

    def end(self, operation_id: str) -> None:
        event = audit.event(ALICE, "publish SUCCEEDED", "bikes", operation_id, operation_id)
        self.do(transitions.finish, operation_id, "SUCCEEDED", None, [], event)

    def execute(self, statement: str, **values: Any) -> None:
        def run() -> None:
            with Session(database.engine()) as session, session.begin():
                session.connection().execute(text(statement), values)

        self.do(run)

    def count_listeners(self) -> int:
        """How many connections to this database, a PostgreSQL one, listen to its changes."""
        statement = (
            "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN causeway%' AND datname = current_database()"
        )

        def count() -> int:
            with Session(database.engine()) as session:
                return int(session.connection().execute(text(statement)).scalar_one())

        return int(self.do(count))

    def client(self, key: str | None = None) -> httpx.AsyncClient:
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return httpx.AsyncClient(base_url=self.service.url, headers=headers, timeout=60, limits=LIMITS, verify=PLAIN)


@asynccontextmanager
async def streaming(
    client: httpx.AsyncClient, operation_id: str, last_event_id: str | None = None
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The events of an operation, each within the deadline."""
    headers = {"Last-Event-ID": last_event_id} if last_event_id is not None else {}
    async with client.stream("GET", f"/v1/operations/{operation_id}/events", headers=headers) as response:
        assert (response.status_code, response.headers["Content-Type"]) == (200, "text/event-stream; charset=utf-8")
        events = read_events(response)
        try:
            yield events
        finally:
            await events.aclose()


async def read_events(response: httpx.Response) -> Any:
    event: dict[str, Any] = {}
    async with asyncio.timeout(DEADLINE_SECONDS):
        async for line in response.aiter_lines():
            field, _, value = line.partition(": ")
            if line and field:
                event[field] = json.loads(value) if field == "data" else value
            elif not line:
                if "data" in event:
                    yield event
                event = {}


async def follow(client: httpx.AsyncClient, operation_id: str) -> list[dict[str, Any]]:
    async with streaming(client, operation_id) as events:
        return [event async for event in events]


async def until_waiting(client: httpx.AsyncClient, count: int) -> None:
    """Return once so many clients wait, as the service's own metrics count them."""
    ends_at = time.monotonic() + DEADLINE_SECONDS
    while (waiting := await metric(client, "causeway_waiting_clients ")) != count:
        assert time.monotonic() < ends_at, f"{waiting} clients are waiting"
        await asyncio.sleep(0.02)


async def metric(client: httpx.AsyncClient, beginning: str) -> float:
    """The sum of the service's metrics that begin so."""
    lines = (await client.get("/metrics")).text.splitlines()
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(beginning))
