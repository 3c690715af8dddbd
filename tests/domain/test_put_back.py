"""Who lost a share is let in again only as whoever joins it: what the share shows is judged first."""

from typing import Any

import pytest

from app.domain import audiences, newcomers, ownership
from app.domain.access import Caller
from app.domain.drifts import KINDS, PUT_BACK, Drift
from app.domain.newcomers import Shown
from app.domain.workflows import Work
from app.errors import ApprovalMissing
from app.workspaces import metastores, shares

MISSING = ApprovalMissing(subject_digest="x", given=0, needed=1, principal="alice")
TARGET: dict[str, Any] = {
    "share": "causeway_bikes_partners",
    "audience": "partners",
    "sharing_identifier": "aws:x:y",
    "workspaces": [],
    "readers": ["far"],
}


@pytest.mark.parametrize("code", ["reader-lost", "recipient-gone", "share-gone"])
def test_nobody_comes_back_to_what_they_may_not_see_any_more(code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def look(caller: Caller, *place: str) -> Shown:
        asked.append((caller.principal, *place))
        raise MISSING

    for module, name in (
        (audiences, "ensure_member"),
        (metastores, "get_sharing_identifier"),
        (ownership, "ensure_share"),
        (shares, "ensure_reader"),
    ):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("something was changed before it was judged"))
    monkeypatch.setattr(newcomers, "look", look)
    known: dict[str, Any] = {"project": "bikes", "workspace": "dev", "object_name": TARGET["share"]}
    drift = Drift(**known, target=TARGET)
    put_back = KINDS[code].remedies[PUT_BACK].apply
    assert put_back is not None

    with pytest.raises(ApprovalMissing):
        put_back(drift, Work("op_x", "bikes", "alice", "drf_x", {"remedy": PUT_BACK}))

    assert asked == [("alice", "bikes", "dev", "partners")]
