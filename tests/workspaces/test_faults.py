"""What the platform's errors mean, over real answers: by code where it is telling, else by class."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from app.errors import (
    AlreadyExists,
    Problem,
    QuotaReached,
    ShareNotFound,
    SharingUnavailable,
    TokenRefused,
    UnityCatalogUnavailable,
    WorkspaceConflict,
    WorkspaceFault,
    WorkspaceRefused,
    WorkspaceThrottled,
    WorkspaceTimeout,
    WorkspaceUnavailable,
)
from app.workspaces import faults
from app.workspaces.clients import connected
from tests.workspaces.conftest import Answer, Configure, Stub


def refused(stub: Stub, configure: Configure, answer: Answer, *, told: bool = True) -> Problem:
    configure(dev={"host": stub.host})
    stub.script = lambda _: answer
    missing = faults.make_missing(ShareNotFound, "dev", "share", "x") if told else None
    with pytest.raises(Problem) as raised, connected("dev", "reading share x", missing) as client:
        client.shares.get("x")
    assert len(stub.asked) == 1
    return raised.value


@pytest.mark.parametrize(
    ("status", "code", "problem"),
    [
        (400, "CATALOG_ALREADY_EXISTS", AlreadyExists),
        (409, "CATALOG_ALREADY_EXISTS", AlreadyExists),
        (400, "RESOURCE_ALREADY_EXISTS", AlreadyExists),
        (409, "ALREADY_EXISTS", AlreadyExists),
        (404, "SHARE_DOES_NOT_EXIST", ShareNotFound),
        (400, "RESOURCE_DOES_NOT_EXIST", ShareNotFound),
        (404, "NOT_FOUND", ShareNotFound),
        (403, "PROVIDER_SHARE_NOT_ACCESSIBLE", ShareNotFound),
        (404, None, ShareNotFound),
        (404, "ENDPOINT_NOT_FOUND", WorkspaceFault),
        (409, "RESOURCE_CONFLICT", WorkspaceConflict),
        (400, "RESOURCE_CONFLICT", WorkspaceConflict),
        (400, "INVALID_STATE", WorkspaceConflict),
        (409, "ABORTED", WorkspaceConflict),
        (409, None, WorkspaceConflict),
        (403, "PERMISSION_DENIED", WorkspaceRefused),
        (401, "UNAUTHENTICATED", TokenRefused),
        (429, "REQUEST_LIMIT_EXCEEDED", WorkspaceThrottled),
        (429, "RESOURCE_EXHAUSTED", WorkspaceThrottled),
        (503, "TEMPORARILY_UNAVAILABLE", WorkspaceUnavailable),
        (500, "INTERNAL_ERROR", WorkspaceUnavailable),
        (504, "DEADLINE_EXCEEDED", WorkspaceTimeout),
        (501, "NOT_IMPLEMENTED", WorkspaceFault),
        (400, "INVALID_PARAMETER_VALUE", WorkspaceFault),
        (400, "QUOTA_EXCEEDED", QuotaReached),
        (429, "RESOURCE_LIMIT_EXCEEDED", QuotaReached),
        (404, "METASTORE_DOES_NOT_EXIST", UnityCatalogUnavailable),
        (400, "FEATURE_DISABLED", UnityCatalogUnavailable),
        (400, "PERMISSION_NOT_PROPAGATED", WorkspaceConflict),
        (418, None, WorkspaceFault),
    ],
)
def test_each_refusal_is_the_problem_that_it_means(
    stub: Stub, configure: Configure, status: int, code: str | None, problem: type[Problem]
) -> None:
    content = {"message": "the platform's words", **({"error_code": code} if code else {})}
    raised = refused(stub, configure, Answer(status, content))
    assert type(raised) is problem
    assert raised.fields["upstream"] == {"error_code": code, "message": "the platform's words"}
    json.dumps(raised.as_dict())


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Answer(502, b"<html><head><title>502 Bad Gateway</title></head></html>"), WorkspaceUnavailable),
        (Answer(502, b""), WorkspaceUnavailable),
        (Answer(503, b"down for maintenance"), WorkspaceUnavailable),
        (Answer(200, b"<html>please log in</html>"), WorkspaceFault),
        (Answer(200, b'{"name": "x"', {"Content-Length": "900", "Connection": "close"}), WorkspaceUnavailable),
        (Answer(200, b"[1, 2]"), WorkspaceFault),
        (Answer(200, b"17"), WorkspaceFault),
        (Answer(400, b"INVALID_STATE: a string for an error"), WorkspaceConflict),
        (Answer(400, {"error_code": "X", "message": "External Delta Sharing is not enabled"}), SharingUnavailable),
    ],
)
def test_an_answer_that_is_no_api_error_is_understood_as_well(
    stub: Stub, configure: Configure, answer: Answer, problem: type[Problem]
) -> None:
    assert type(refused(stub, configure, answer)) is problem


def test_nothing_that_is_not_there_is_a_fault_where_no_name_was_asked_for(stub: Stub, configure: Configure) -> None:
    answer = Answer(404, {"error_code": "TABLE_DOES_NOT_EXIST", "message": "m"})
    assert type(refused(stub, configure, answer, told=False)) is WorkspaceFault


def test_a_problem_shows_one_short_line_and_no_address_token_or_trace(stub: Stub, configure: Configure) -> None:
    message = f"see {stub.host}/explain?token=dapi-of-control for why " + "x" * 500 + "\nTraceback: line 1"
    raised = refused(stub, configure, Answer(403, {"error_code": "PERMISSION_DENIED", "message": message}))
    shown = json.dumps(raised.as_dict())
    assert len(raised.fields["upstream"]["message"]) == faults.MESSAGE_LIMIT
    for hidden in (stub.host, "dapi-of-control", "Traceback"):
        assert hidden not in shown


@pytest.mark.parametrize("body", [b"\x00\x01", b"not json, not html", b'["a list"]'])
def test_an_unreadable_error_brings_none_of_the_exchange_into_the_problem(
    stub: Stub, configure: Configure, body: bytes
) -> None:
    raised = refused(stub, configure, Answer(400, body))
    assert raised.fields["upstream"] == {"error_code": None}


def test_a_time_to_wait_may_be_a_date(stub: Stub, configure: Configure) -> None:
    content = {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "m"}
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    raised = refused(stub, configure, Answer(429, content, {"Retry-After": until}))
    assert type(raised) is WorkspaceThrottled
    assert 80 <= (raised.retry_after_seconds or 0) <= 90


@pytest.mark.parametrize(
    ("header", "seconds"), [("60", 60), ("0", 0), ("Wed, 21 Oct 2020 07:28:00 GMT", 0), ("soon", 5)]
)
def test_the_time_to_wait_is_the_platforms(stub: Stub, configure: Configure, header: str, seconds: int) -> None:
    content: dict[str, Any] = {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "m"}
    assert refused(stub, configure, Answer(503, content, {"Retry-After": header})).retry_after_seconds == seconds
