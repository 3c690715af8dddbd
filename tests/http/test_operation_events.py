"""Are operations followed live, by streams and by long polls, on either database and without a thread for each?"""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.domain import api_keys
from tests.http.conftest import ALICE, BOB
from tests.http.following import DEADLINE_SECONDS, Followed, follow, metric, streaming, until_waiting

SECONDS_SPENT = 'causeway_http_request_seconds_sum{method="GET",route="/v1/operations/'


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def followed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Followed]:
    made = Followed(tmp_path_factory.mktemp("followed"), request.param)
    yield made
    made.service.stop()


async def test_every_event_is_what_polling_tells_and_the_last_one_is_the_end(followed: Followed) -> None:
    operation_id = followed.begin()
    told = []
    async with followed.client() as client, streaming(client, operation_id) as events:
        for change in (None, lambda: followed.tell(operation_id, "3 of 9 files"), lambda: followed.end(operation_id)):
            if change is not None:
                change()
            event = await anext(events)
            assert event["data"] == (await client.get(f"/v1/operations/{operation_id}")).json()
            told.append(event)
        assert [event async for event in events] == []
    assert [event["data"]["state"] for event in told] == ["RUNNING", "RUNNING", "SUCCEEDED"]
    assert told[1]["data"]["steps"][0]["text"] == "3 of 9 files"
    ids = [int(event["id"]) for event in told]
    assert ids == sorted(set(ids))


async def test_a_stream_goes_on_after_the_last_event_and_is_over_after_the_end(followed: Followed) -> None:
    operation_id = followed.begin()
    async with followed.client() as client:
        async with streaming(client, operation_id) as events:
            first = await anext(events)
        async with streaming(client, operation_id, first["id"]) as events:
            await until_waiting(client, 1)
            followed.tell(operation_id, "on")
            second = await anext(events)
            assert second["data"]["steps"][0]["text"] == "on"
        followed.end(operation_id)
        async with streaming(client, operation_id, second["id"]) as events:
            (last,) = [event async for event in events]
            assert last["data"]["done"]
        url, seen = f"/v1/operations/{operation_id}/events", {"Last-Event-ID": last["id"]}
        over = await client.get(url, headers=seen)
        assert (over.status_code, over.content) == (204, b"")


async def test_a_stream_is_refused_before_it_begins(followed: Followed) -> None:
    operation_id = followed.begin()
    url = f"/v1/operations/{operation_id}/events"
    async with followed.client(followed.make_key(BOB)) as client:
        foreign, unknown = await client.get(url), await client.get("/v1/operations/op_nothing/events")
    assert (foreign.status_code, foreign.json()["code"]) == (unknown.status_code, unknown.json()["code"])
    assert (foreign.status_code, foreign.json()["code"]) == (404, "record-not-found")
    async with followed.client() as client:
        assert (await client.get(url, headers={"Last-Event-ID": "yesterday"})).status_code == 422
        assert (await client.get(url, headers={"Authorization": ""})).status_code == 401


async def test_changes_are_told_long_before_anything_is_read_again(followed: Followed) -> None:
    operation_id = followed.begin()
    async with followed.client() as client, streaming(client, operation_id) as events:
        await anext(events)
        started = time.monotonic()
        for count in range(10):
            followed.tell(operation_id, f"{count} of 10 files")
            assert (await anext(events))["data"]["steps"][0]["text"] == f"{count} of 10 files"
    # Healing alone would take two seconds for each.
    assert time.monotonic() - started < 15


async def test_a_change_that_nobody_announced_is_told_all_the_same(followed: Followed) -> None:
    operation_id, other_id = followed.begin(), followed.begin()
    url = f"/v1/operations/{operation_id}"

    async def keep_changing_another() -> None:
        while True:
            followed.tell(other_id, str(time.monotonic()))
            await asyncio.sleep(0.2)

    async with followed.client() as client, asyncio.timeout(DEADLINE_SECONDS):
        seen = (await client.get(url)).headers["ETag"]
        poll = asyncio.create_task(client.get(url, params={"wait_seconds": 60}, headers={"If-None-Match": seen}))
        await until_waiting(client, 1)
        busy = asyncio.create_task(keep_changing_another())
        followed.execute("UPDATE operations SET revision = revision + 1, attempt = 2 WHERE id = :id", id=operation_id)
        assert (await poll).json()["attempt"] == 2
        busy.cancel()


async def test_losing_the_listening_connection_loses_no_change(followed: Followed) -> None:
    if followed.url.startswith("sqlite"):
        pytest.skip("only PostgreSQL has such connections")
    operation_id = followed.begin()
    async with followed.client() as client, streaming(client, operation_id) as events:
        await anext(events)
        followed.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN causeway%'"
            " AND datname = current_database()"
        )
        followed.tell(operation_id, "behind its back")
        assert (await anext(events))["data"]["steps"][0]["text"] == "behind its back"
    assert "operations cannot be watched now" in followed.service.output()


async def test_a_poll_with_an_etag_waits_for_a_change(followed: Followed) -> None:
    operation_id = followed.begin()
    url = f"/v1/operations/{operation_id}"
    async with followed.client() as client, asyncio.timeout(DEADLINE_SECONDS):
        seen = (await client.get(url)).headers["ETag"]
        same = await client.get(url, params={"wait_seconds": 1}, headers={"If-None-Match": seen})
        assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", seen)
        assert same.headers["Retry-After"] == "1"
        poll = asyncio.create_task(client.get(url, params={"wait_seconds": 60}, headers={"If-None-Match": seen}))
        await until_waiting(client, 1)
        assert not poll.done()
        followed.tell(operation_id, "a step further")
        changed = await poll
        assert (changed.status_code, changed.json()["done"]) == (200, False)
        assert changed.headers["ETag"] != seen
        late = await client.get(url, params={"wait_seconds": 60}, headers={"If-None-Match": seen})
        assert late.headers["ETag"] == changed.headers["ETag"]


async def test_a_poll_without_an_etag_waits_for_the_end(followed: Followed) -> None:
    operation_id = followed.begin()
    url = f"/v1/operations/{operation_id}"
    async with followed.client() as client, asyncio.timeout(DEADLINE_SECONDS):
        poll = asyncio.create_task(client.get(url, params={"wait_seconds": 60}))
        await until_waiting(client, 1)
        async with streaming(client, operation_id) as events:
            await anext(events)
            followed.tell(operation_id, "a step further")
            await anext(events)
        assert not poll.done()
        followed.end(operation_id)
        ended = await poll
        assert (ended.json()["state"], "Retry-After" in ended.headers) == ("SUCCEEDED", False)
        again = await client.get(url, params={"wait_seconds": 60}, headers={"If-None-Match": ended.headers["ETag"]})
        assert again.status_code == 304


async def test_two_hundred_waiting_clients_hold_no_thread(followed: Followed) -> None:
    operation_id, other_id = followed.begin(), followed.begin()
    url, process = f"/v1/operations/{operation_id}", psutil.Process(followed.service.process.pid)
    async with followed.client() as client, asyncio.timeout(DEADLINE_SECONDS * 2):
        polls = [asyncio.create_task(client.get(url, params={"wait_seconds": 60})) for _ in range(200)]
        await until_waiting(client, 200)
        assert process.num_threads() < 100
        assert (await client.get(f"/v1/operations/{other_id}")).status_code == 200
        followed.end(operation_id)
        answers = await asyncio.gather(*polls)
        assert {answer.json()["state"] for answer in answers} == {"SUCCEEDED"}


async def test_clients_that_go_away_leave_nothing_behind(followed: Followed) -> None:
    operation_id = followed.begin()
    async with followed.client() as watcher:
        async with followed.client() as client:
            polls = [
                asyncio.create_task(client.get(f"/v1/operations/{operation_id}", params={"wait_seconds": 60}))
                for _ in range(5)
            ]
            streams = [streaming(client, operation_id) for _ in range(5)]
            for stream in streams:
                await anext(await stream.__aenter__())
            await until_waiting(watcher, 10)
            for poll in polls:
                poll.cancel()
            for stream in streams:
                await stream.__aexit__(None, None, None)
        await until_waiting(watcher, 0)
    ends_at = time.monotonic() + DEADLINE_SECONDS
    while followed.url.startswith("postgres") and followed.count_listeners():
        assert time.monotonic() < ends_at, "the service listens on for nobody"
        await asyncio.sleep(0.05)
    assert "Traceback" not in followed.service.output()


async def test_the_stream_of_a_revoked_key_ends(followed: Followed) -> None:
    operation_id, key = followed.begin(), followed.make_key(ALICE)
    async with followed.client(key) as client:
        async with streaming(client, operation_id) as events:
            first = await anext(events)
            followed.do(api_keys.revoke, key.split("_")[1], revoked_by="operator:tests")
            assert [event async for event in events] == []
        url = f"/v1/operations/{operation_id}/events"
        assert (await client.get(url, headers={"Last-Event-ID": first["id"]})).status_code == 401


async def test_time_that_callers_asked_to_wait_is_not_the_services(followed: Followed) -> None:
    operation_id = followed.begin()
    async with followed.client() as client:
        before = await metric(client, SECONDS_SPENT)
        await client.get(f"/v1/operations/{operation_id}", params={"wait_seconds": 2})
        async with streaming(client, operation_id) as events:
            await anext(events)
        assert await metric(client, SECONDS_SPENT) - before < 1.5


async def test_a_restart_ends_streams_and_polls_at_once(followed: Followed, tmp_path: Path) -> None:
    stopped = Followed(tmp_path, "postgres" if followed.url.startswith("postgres") else "sqlite")
    operation_id = stopped.begin()
    async with stopped.client() as client:
        polls = [
            asyncio.create_task(client.get(f"/v1/operations/{operation_id}", params={"wait_seconds": 60}))
            for _ in range(20)
        ]
        streams = [asyncio.create_task(follow(client, operation_id)) for _ in range(50)]
        await until_waiting(client, 70)
        await asyncio.to_thread(stopped.service.stop)
        assert {answer.status_code for answer in await asyncio.gather(*polls)} == {200}
        assert all(await asyncio.gather(*streams))
    # The server gives whoever is left five seconds, then cancels them and says so.
    for word in ("Traceback", "Cancel", "cannot be watched"):
        assert word not in stopped.service.output()
