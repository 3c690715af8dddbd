"""One call is one request, whatever comes back; and building a client is none."""

from __future__ import annotations

import socket
import time
from pathlib import Path
from typing import Any

import pytest

from app import configuration
from app.errors import (
    CredentialsUnreadable,
    TokenRefused,
    WorkspaceFault,
    WorkspaceNotFound,
    WorkspaceRefused,
    WorkspaceThrottled,
    WorkspaceTimeout,
    WorkspaceUnavailable,
)
from app.workspaces import credentials
from app.workspaces.clients import connected, get_connection
from tests.workspaces.conftest import Answer, Asked, Configure, Stub

ME = "/api/2.0/preview/scim/v2/Me"


def ask(workspace: str = "dev", **options: Any) -> str | None:
    with connected(workspace, "asking who Causeway is", **options) as client:
        return client.current_user.me().user_name


def create(workspace: str = "dev") -> None:
    with connected(workspace, "creating share x") as client:
        client.shares.create("x")


def known(_: Asked) -> Answer:
    return Answer(200, {"userName": "control"})


def tokens(seconds: int = 3600) -> Any:
    """A platform that gives out numbered tokens and knows whoever bears one."""
    given = iter(range(1, 1000))

    def say(asked: Asked) -> Answer:
        if asked.path == "/oidc/v1/token":
            token = {"access_token": f"token-{next(given)}", "token_type": "Bearer", "expires_in": seconds}
            return Answer(200, token)
        return Answer(200, {"userName": asked.headers["Authorization"]})

    return say


def test_a_post_whose_answer_is_lost_is_sent_once(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    stub.script = lambda _: Answer(lost=True)
    with pytest.raises(WorkspaceUnavailable) as raised:
        create()
    assert [asked.method for asked in stub.asked] == ["POST"]
    assert raised.value.retryable
    assert raised.value.fields == {"workspace": "dev", "action": "creating share x"}


def test_a_throttled_call_returns_at_once_and_tells_how_long_to_wait(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    content = {"error_code": "REQUEST_LIMIT_EXCEEDED", "message": "too many"}
    stub.script = lambda _: Answer(429, content, {"Retry-After": "60"})
    with pytest.raises(WorkspaceThrottled) as raised:
        create()
    assert len(stub.asked) == 1
    assert raised.value.retry_after_seconds == 60


def test_a_host_that_answers_503_is_asked_once_and_not_at_all_while_the_client_is_built(
    stub: Stub, configure: Configure
) -> None:
    configure(dev={"host": stub.host})
    stub.script = lambda _: Answer(503, {"error_code": "TEMPORARILY_UNAVAILABLE", "message": "down"})
    with connected("dev", "building a client") as client:
        assert client.config.host == stub.host
        assert stub.asked == []
    with pytest.raises(WorkspaceUnavailable):
        ask()
    assert [asked.path for asked in stub.asked] == [ME]


def test_building_a_client_for_a_host_that_accepts_and_says_nothing_asks_it_nothing(configure: Configure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(dev={"host": f"http://127.0.0.1:{silent.getsockname()[1]}"})
        with connected("dev", "building a client", timeout_seconds=0.2):
            silent.setblocking(False)
            with pytest.raises(BlockingIOError):
                silent.accept()
        with pytest.raises(WorkspaceTimeout) as raised:
            ask(timeout_seconds=0.2)
        assert raised.value.retryable


def test_a_refused_connection_is_an_unavailable_workspace(configure: Configure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
    configure(dev={"host": host}, prod={"host": host})
    with pytest.raises(WorkspaceUnavailable) as raised:
        ask()
    assert raised.value.retry_after_seconds
    assert host not in str(raised.value.as_dict())


def test_stray_variables_and_profiles_of_the_environment_are_ignored(
    stub: Stub, configure: Configure, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, oauth: dict[str, Any]
) -> None:
    profile = tmp_path / "databrickscfg"
    profile.write_text("[DEFAULT]\nhost = http://127.0.0.1:1\ntoken = of-the-profile\n")
    strays = {"HOST": "http://127.0.0.1:1", "TOKEN": "stray", "CONFIG_PROFILE": "absent", "WORKSPACE_ID": "7"}
    for name, value in {**strays, "CONFIG_FILE": str(profile), "AUTH_TYPE": "azure-cli", "CLIENT_ID": "x"}.items():
        monkeypatch.setenv(f"DATABRICKS_{name}", value)
    configure(dev={"host": stub.host}, prod={"host": stub.host, "auth": oauth})
    stub.script = tokens()
    assert ask("dev") == "Bearer dapi-of-control"
    assert ask("prod") == "Bearer token-1"
    assert all("X-Databricks-Workspace-Id" not in asked.headers for asked in stub.asked)


def test_a_service_principal_signs_in_once_and_by_one_request(
    stub: Stub, configure: Configure, oauth: dict[str, Any]
) -> None:
    configure(dev={"host": stub.host, "auth": oauth})
    stub.script = tokens()
    assert [ask(), ask(), ask(timeout_seconds=5)] == ["Bearer token-1"] * 3
    assert [asked.path for asked in stub.asked] == ["/oidc/v1/token", ME, ME, ME]
    assert stub.asked[0].body == b"grant_type=client_credentials&scope=all-apis"
    assert stub.asked[0].headers["Authorization"].startswith("Basic ")


def test_an_expired_token_is_replaced_before_the_call(stub: Stub, configure: Configure, oauth: dict[str, Any]) -> None:
    configure(dev={"host": stub.host, "auth": oauth})
    stub.script = tokens(seconds=3)
    assert [ask(), ask()] == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (403, {"error_code": "PERMISSION_DENIED", "message": "Invalid access token."}),
        (401, {"error_code": "UNAUTHENTICATED", "message": "who are you"}),
    ],
)
def test_a_token_refused_before_its_time_is_dropped_and_the_next_call_brings_a_fresh_one(
    stub: Stub, configure: Configure, oauth: dict[str, Any], status: int, content: dict[str, str]
) -> None:
    configure(dev={"host": stub.host, "auth": oauth})
    well = tokens()
    stub.script = lambda a: Answer(status, content) if "token-1" in a.headers["Authorization"] else well(a)
    with pytest.raises(TokenRefused) as raised:
        ask()
    assert raised.value.retryable
    assert ask() == "Bearer token-2"


def test_a_refused_privilege_keeps_the_token_and_is_not_tried_again(
    stub: Stub, configure: Configure, oauth: dict[str, Any]
) -> None:
    configure(dev={"host": stub.host, "auth": oauth})
    well = tokens()
    denied = {"error_code": "PERMISSION_DENIED", "message": "User does not have CREATE SHARE on Metastore 'm'."}
    stub.script = lambda asked: well(asked) if asked.path.startswith("/oidc") else Answer(403, denied)
    for _ in range(2):
        with pytest.raises(WorkspaceRefused) as raised:
            create()
    assert not raised.value.retryable
    assert raised.value.fields["upstream"] == denied
    assert stub.count("/oidc") == 1


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (Answer(401, {"error": "invalid_client", "error_description": "no"}), WorkspaceRefused),
        (Answer(503, b""), WorkspaceUnavailable),
        (Answer(429, b"", {"Retry-After": "9"}), WorkspaceThrottled),
        (Answer(302, b"", {"Location": "/login"}), WorkspaceFault),
        (Answer(200, b"<html>"), WorkspaceFault),
        (Answer(200, {"access_token": "x"}), WorkspaceFault),
        (Answer(lost=True), WorkspaceUnavailable),
    ],
)
def test_a_failed_sign_in_says_so_after_one_request_and_the_call_is_not_made(
    stub: Stub, configure: Configure, oauth: dict[str, Any], answer: Answer, problem: type[Exception]
) -> None:
    configure(dev={"host": stub.host, "auth": oauth})
    stub.script = lambda _: answer
    with pytest.raises(problem) as raised:
        ask()
    assert [asked.path for asked in stub.asked] == ["/oidc/v1/token"]
    assert "secret-of-control" not in str(raised.value.as_dict())  # type: ignore[attr-defined]


def test_a_sign_in_that_gets_no_answer_ends_by_itself(
    configure: Configure, oauth: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(credentials, "SIGN_IN_TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        configure(dev={"host": f"http://127.0.0.1:{silent.getsockname()[1]}", "auth": oauth})
        with pytest.raises(WorkspaceTimeout) as raised:
            ask()
    assert raised.value.fields["action"] == "signing in"


def test_a_missing_secret_is_named_as_such_without_its_place(
    stub: Stub, configure: Configure, oauth: dict[str, Any], tmp_path: Path
) -> None:
    configure(dev={"host": stub.host, "auth": oauth})
    (tmp_path / "secret").unlink()
    with pytest.raises(CredentialsUnreadable) as raised:
        ask()
    assert str(tmp_path) not in str(raised.value.as_dict())
    assert stub.asked == []


def test_a_changed_configuration_makes_a_new_client_and_an_unchanged_one_keeps_it(
    stub: Stub, configure: Configure, tmp_path: Path
) -> None:
    configure(dev={"host": stub.host})
    stub.script = known
    first = get_connection("dev")
    configure(dev={"host": stub.host})
    assert get_connection("dev") is first
    configure(dev={"host": stub.host, "warehouse_id": "w"})
    assert get_connection("dev") is not first
    assert configuration.current().workspaces["dev"] == get_connection("dev").configured


def test_an_unknown_workspace_is_not_found(configure: Configure) -> None:
    configure()
    with pytest.raises(WorkspaceNotFound):
        ask("nowhere")


def test_no_client_ever_sleeps(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    stub.script = lambda _: Answer(500, {"error_code": "INTERNAL_ERROR", "message": "Unexpected error"})
    started = time.monotonic()
    with pytest.raises(WorkspaceUnavailable):
        create()
    assert len(stub.asked) == 1
    assert time.monotonic() - started < 10
