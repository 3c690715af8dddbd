"""Predictions through the proxy's client: bytes as they are, once, to the configured host and nowhere else."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from app.errors import (
    BodyTooLarge,
    EndpointNotFound,
    EndpointNotServing,
    PredictionRejected,
    Problem,
    WorkspaceFault,
    WorkspaceRefused,
    WorkspaceTimeout,
    WorkspaceUnavailable,
)
from app.workspaces import invocations
from tests.workspaces.conftest import Answer, Configure, Stub

PATH = "/serving-endpoints/bikes/invocations"
ROWS = b'{"dataframe_split": {"columns": ["hr"], "data": [[7]]}}'


@pytest.fixture(autouse=True)
async def _closing() -> AsyncIterator[None]:
    yield
    await invocations.close()


async def invoke(body: Any = ROWS, **options: Any) -> tuple[invocations.Answer, bytes]:
    given = {"headers": {"content-type": "application/json"}, **options}
    async with invocations.invoking("prod", given.pop("endpoint", "bikes"), body=body, **given) as answer:
        return answer, b"".join([chunk async for chunk in answer.body])


async def test_bytes_and_allowed_headers_go_through_and_come_back_and_no_others_do(
    stub: Stub, configure: Configure
) -> None:
    configure(prod={"host": stub.host})
    said = {"served-model-name": "champion", "Set-Cookie": "a=b", "Server": "x", "x-request-id": "r-1"}
    stub.script = lambda asked: Answer(200, asked.body, {"Content-Type": "application/json", **said})
    sent = {
        "Content-Type": "application/json",
        "Authorization": "Bearer cwk_x",
        "Cookie": "c=d",
        "X-Forwarded-For": "y",
    }
    answer, content = await invoke(headers={**sent, "traceparent": "00-1", "Host": "evil.example"})
    assert content == ROWS
    kept = {"content-type": "application/json", "served-model-name": "champion", "x-request-id": "r-1"}
    assert answer.headers == {**kept, "content-length": str(len(ROWS))}
    asked = {name.lower(): value for name, value in stub.asked[0].headers.items()}
    assert stub.asked[0].path == PATH
    assert asked["authorization"] == "Bearer dapi-of-control"
    assert asked["traceparent"] == "00-1"
    assert asked["host"] == stub.host.removeprefix("http://")
    assert not {"cookie", "x-forwarded-for"} & set(asked)


async def test_one_served_entity_can_be_called_past_the_traffic_split(stub: Stub, configure: Configure) -> None:
    configure(prod={"host": stub.host})
    stub.script = lambda _: Answer(200, {"predictions": [1.5]})
    await invoke(served="challenger")
    assert stub.asked[0].path == "/serving-endpoints/bikes/served-models/challenger/invocations"


async def test_a_compressed_answer_stays_compressed(stub: Stub, configure: Configure) -> None:
    configure(prod={"host": stub.host})
    packed = gzip.compress(b'{"predictions": []}')
    stub.script = lambda _: Answer(200, packed, {"Content-Encoding": "gzip"})
    answer, content = await invoke(headers={"accept-encoding": "gzip"})
    assert (content, answer.headers["content-encoding"]) == (packed, "gzip")
    assert stub.asked[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize("name", ["", "x?q#", "x%3Fq%23", "a/b", "..", "x" * 64, "a b", "ü"])
async def test_a_name_that_no_endpoint_can_have_is_never_asked_for(stub: Stub, configure: Configure, name: str) -> None:
    configure(prod={"host": stub.host})
    with pytest.raises(EndpointNotFound):
        await invoke(endpoint=name)
    if name:
        with pytest.raises(EndpointNotFound):
            await invoke(served=name)
    assert stub.asked == []


@pytest.mark.parametrize(
    ("status", "content", "problem"),
    [
        (400, {"error_code": "BAD_REQUEST", "message": "Failed to parse input"}, PredictionRejected),
        (400, {"error_code": "BAD_REQUEST", "message": "Endpoint bikes is stopped"}, EndpointNotServing),
        (404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "m"}, EndpointNotFound),
        (403, {"error_code": "PERMISSION_DENIED", "message": "needs CAN_QUERY"}, WorkspaceRefused),
        (413, {}, BodyTooLarge),
        (429, {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "m"}, EndpointNotServing),
        (502, b"<html>", EndpointNotServing),
        (503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "m"}, EndpointNotServing),
        (504, b"", WorkspaceTimeout),
        (500, b"", WorkspaceFault),
        (302, b"", WorkspaceFault),
    ],
)
async def test_upstreams_refusals_are_told_apart_alike_by_both_ways_of_asking(
    stub: Stub, configure: Configure, status: int, content: Any, problem: type[Problem]
) -> None:
    configure(prod={"host": stub.host})
    stub.script = lambda _: Answer(status, content, {"Retry-After": "60", "Location": "http://127.0.0.1:1/"})
    with pytest.raises(problem) as raised:
        await invoke()
    with pytest.raises(problem) as again:
        await asyncio.to_thread(invocations.predict, "prod", "bikes", json.loads(ROWS))
    assert raised.value.as_dict() == again.value.as_dict()
    assert raised.value.retry_after_seconds == (60 if problem is EndpointNotServing else None)
    assert [asked.path for asked in stub.asked] == [PATH, PATH]


async def test_the_models_own_words_are_shown_and_its_stack_trace_is_not(stub: Stub, configure: Configure) -> None:
    configure(prod={"host": stub.host})
    content = {"error_code": "BAD_REQUEST", "message": "Missing column hr", "stack_trace": "File /model/code.py"}
    stub.script = lambda _: Answer(400, content)
    with pytest.raises(PredictionRejected) as raised:
        await invoke()
    assert raised.value.fields["upstream_message"] == "Missing column hr"
    assert "code.py" not in json.dumps(raised.value.as_dict())


@pytest.mark.parametrize(
    ("content", "shown"),
    [
        (
            "Failed to predict data '    hr\n0  914.2'. \nError: Failed to enforce schema of data '    hr\n0  914.2' "
            "with schema '['hr': double (required)]'. Error: Model is missing inputs ['temp'].",
            "Model is missing inputs ['temp'].",
        ),
        ("Encountered an unexpected error while evaluating the model. Verify it.", "ValueError: no holidays in 2025"),
        ("Invalid input. Data is not compatible.", "Invalid input. Data is not compatible."),
    ],
)
async def test_of_the_scorers_words_those_are_shown_that_say_why_and_quote_no_row(
    stub: Stub, configure: Configure, content: str, shown: str
) -> None:
    configure(prod={"host": stub.host})
    trace = (
        "Traceback (most recent call last):\n  File code.py\nKeyError: 1\n\nValueError: no holidays in 2025\nA hint.\n"
    )
    said = {"error_code": "BAD_REQUEST", "message": content, "stack_trace": trace}
    stub.script = lambda _: Answer(400, said)
    with pytest.raises(PredictionRejected) as raised:
        await invoke()
    assert raised.value.fields["upstream_message"] == shown
    assert "914.2" not in json.dumps(raised.value.as_dict())


async def test_a_sign_in_that_hangs_does_not_hold_the_event_loop(
    stub: Stub, configure: Configure, oauth: dict[str, Any]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        hanging = f"http://127.0.0.1:{silent.getsockname()[1]}"
        configure(dev={"host": hanging, "auth": oauth}, prod={"host": stub.host})
        stub.script = lambda _: Answer(200, {"predictions": [1]})
        waiting = asyncio.create_task(_invoke_dev())
        await asyncio.sleep(0)
        _, content = await asyncio.wait_for(invoke(), 5)
        assert json.loads(content) == {"predictions": [1]}
        assert not waiting.done()
    with pytest.raises(Problem):  # the silent host has gone: the sign-in ends
        await waiting


async def _invoke_dev() -> None:
    async with invocations.invoking("dev", "bikes", headers={}, body=ROWS):
        pass


async def test_a_lost_answer_is_sent_once_and_an_unavailable_workspace(stub: Stub, configure: Configure) -> None:
    configure(prod={"host": stub.host})
    stub.script = lambda _: Answer(lost=True)
    with pytest.raises(WorkspaceUnavailable) as raised:
        await invoke()
    assert raised.value.retry_after_seconds
    assert len(stub.asked) == 1


async def test_a_refused_connection_is_an_unavailable_workspace(configure: Configure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
    configure(prod={"host": host})
    with pytest.raises(WorkspaceUnavailable):
        await invoke()


async def test_a_body_that_is_found_too_large_while_it_is_read_says_so_itself(stub: Stub, configure: Configure) -> None:
    configure(prod={"host": stub.host})

    async def body() -> AsyncIterator[bytes]:
        yield ROWS
        raise BodyTooLarge(limit_bytes=16)

    with pytest.raises(BodyTooLarge):
        await invoke(body(), headers={"content-length": "1000"})


async def test_large_bodies_stream_both_ways_in_bounded_memory(configure: Configure) -> None:
    size, chunk = 64 * 1024 * 1024, b"x" * 65536
    seen = 0

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal seen
        await reader.readuntil(b"\r\n\r\n")
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n".encode())
        while seen < size:
            part = await reader.read(65536)
            seen += len(part)
            writer.write(part)
            await writer.drain()

    async def body() -> AsyncIterator[bytes]:
        for _ in range(size // len(chunk)):
            yield chunk

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    configure(prod={"host": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"})
    before, most, received = psutil.Process().memory_info().rss, 0, 0
    async with (
        server,
        invocations.invoking("prod", "bikes", headers={"content-length": str(size)}, body=body()) as answer,
    ):
        async for part in answer.body:
            received += len(part)
            most = max(most, psutil.Process().memory_info().rss)
    assert received == seen == size
    assert most - before < 24 * 1024 * 1024


async def test_a_caller_that_goes_away_leaves_no_request_running(stub: Stub, configure: Configure) -> None:
    arrived, closed = asyncio.Event(), asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        while await reader.read(1024):
            pass
        closed.set()
        writer.close()

    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    configure(prod={"host": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"})
    async with server:
        task = asyncio.create_task(invoke())
        await asyncio.wait_for(arrived.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.wait_for(closed.wait(), 5)


def test_a_blocking_prediction_tells_who_answered(stub: Stub, configure: Configure) -> None:
    configure(prod={"host": stub.host})
    stub.script = lambda asked: Answer(200, {"predictions": [1.5]}, {"served-model-name": "champion"})
    prediction = invocations.predict("prod", "bikes", json.loads(ROWS), served="champion")
    assert prediction == invocations.Prediction({"predictions": [1.5]}, "champion")
    assert json.loads(stub.asked[0].body) == json.loads(ROWS)
    assert stub.asked[0].path == "/serving-endpoints/bikes/served-models/champion/invocations"
