"""As whom a workspace knows Causeway, and whether it answers at all."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from app.errors import TokenRefused, WorkspaceNotFound, WorkspaceRefused, WorkspaceUnavailable
from app.workspaces import identities
from tests.workspaces.conftest import Answer, Configure, Platform, Stub


def test_control_is_known_by_its_application_id_and_asked_for_once(platform: Platform) -> None:
    control = platform.controls["dev"].name
    assert identities.get_control("dev") == control
    before = platform.count("dev", "GET", "/api/2.0/preview/scim/v2/Me")
    assert identities.get_control("dev") == control
    assert platform.count("dev", "GET", "/api/2.0/preview/scim/v2/Me") == before


def test_a_workspace_that_answers_is_reachable_and_says_as_whom(platform: Platform) -> None:
    found = identities.probe("prod")
    assert (found.reachable, found.identity, found.problem) == (True, platform.controls["prod"].name, None)


def test_a_workspace_that_is_down_is_told_and_not_raised(configure: Configure) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"http://127.0.0.1:{server.getsockname()[1]}"
    configure(dev={"host": host})
    found = identities.probe("dev")
    assert (found.reachable, found.identity) == (False, None)
    assert isinstance(found.problem, WorkspaceUnavailable)


def test_a_workspace_that_refuses_is_told_and_not_raised(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    stub.script = lambda _: Answer(403, {"error_code": "PERMISSION_DENIED", "message": "not in this workspace"})
    assert isinstance(identities.probe("dev").problem, WorkspaceRefused)
    with pytest.raises(WorkspaceNotFound):
        identities.probe("nowhere")


def test_a_token_that_was_replaced_in_its_file_is_taken_up_after_the_first_refusal(
    platform: Platform, configure: Configure, tmp_path: Path
) -> None:
    token = tmp_path / "rotated"
    token.write_text("dapi-of-yesterday")
    configure(dev={"host": platform.workspaces["dev"]["host"], "auth": {"type": "pat", "token": {"file": str(token)}}})
    assert isinstance(identities.probe("dev").problem, TokenRefused)
    token.write_text(platform.controls["dev"].token)
    assert identities.probe("dev").identity == platform.controls["dev"].name
