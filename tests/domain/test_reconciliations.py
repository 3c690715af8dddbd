"""One question that fails keeps no other one from being asked."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from app import configuration
from app.domain.drifts import Finding, Kind, Look, Promises, members
from app.domain.reconciliations import look_for
from app.errors import WorkspaceConflict, WorkspaceFault
from app.workspaces.shares import Share
from tests.http.conftest import make_configuration

FAULT = WorkspaceFault(workspace="dev", action="listing secrets", upstream="There is no such path")


def make_look() -> Look:
    return Look("bikes", "dev", Promises([], [], [], frozenset()))


def make_kind(code: str, *told: str, ends_with: Exception | None = None) -> Kind:
    def find(_look: Look) -> Iterator[Finding]:
        yield from (Finding(one, "wanted", "found") for one in told)
        if ends_with is not None:
            raise ends_with

    return Kind(code, "HIGH", "share", find, {}, needs_bytes=False, asks_nobody=False)


def test_what_can_be_looked_for_is_found_though_something_else_cannot() -> None:
    kinds = [make_kind("credential-ends", "before it failed", ends_with=FAULT), make_kind("reader-unknown", "stranger")]

    found, missed = look_for(kinds, make_look())

    assert [(kind.code, one.object_name) for kind, one in found] == [
        ("credential-ends", "before it failed"),
        ("reader-unknown", "stranger"),
    ]
    assert {code: problem["code"] for code, problem in missed.items()} == {"credential-ends": "workspace-fault"}


def test_what_may_pass_is_tried_again_before_it_is_missed() -> None:
    busy = WorkspaceConflict(workspace="dev", action="reading")

    with pytest.raises(WorkspaceConflict):
        look_for([make_kind("share-gone", ends_with=busy)], make_look())


def test_a_consumer_that_never_answered_hides_its_own_audience_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_TOKEN", "nothing")
    configured = make_configuration()
    audiences = configured["projects"]["bikes"]["audiences"]
    audiences["acme"] = {"recipients": [{"sharing_identifier": "aws:us-west-2:11111111-2222-3333-4444-555555555555"}]}
    (tmp_path / "causeway.yaml").write_text(yaml.safe_dump(configured))
    configuration.use(tmp_path / "causeway.yaml")
    look = make_look()
    names = [f"causeway_bikes_{audience}" for audience in ("azure", "acme")]

    declared = members.iterate_declared(look, [Share(name, None, None, None, [], None, None) for name in names])

    assert [share.name for share, _ in declared] == ["causeway_bikes_acme"]
    assert [problem.code for problem in look.missed] == ["workspace-unavailable"]
