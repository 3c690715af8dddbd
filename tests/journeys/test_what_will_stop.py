"""What still works and will not for ever is named before it stops: a person's share, and credentials that end."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from app import configuration
from app.domain.drifts import KINDS, Look, Promises
from app.store import connection
from app.store.publications import Publication
from app.workspaces import shares
from tests.sandbox.running import unique
from tests.two_workspaces import TwoWorkspaces

pytestmark = pytest.mark.xdist_group("sharing")
NOTHING = Promises([], [], [], frozenset())


def test_a_share_that_rests_on_a_person_says_so_while_it_still_works(as_the_service: TwoWorkspaces) -> None:
    world, admin = as_the_service, as_the_service.sandbox.client("dev")
    name, control = unique("causeway_bikes_drift"), world.grants["DEV_CONTROL_ID"]
    person, metastore = admin.current_user.me().user_name, admin.metastores.summary().metastore_id
    shares.ensure_share("dev", name, comment="for a test")
    promise = Publication(
        id="pub_x",
        project="bikes",
        operation_id="op_x",
        created_by=person,
        workspace="dev",
        model="main.bikes.m",
        version=1,
        audience="x",
        share=name,
        published_model=f"causeway_shareable.{name}.m",
    )
    look = Look("bikes", "dev", Promises([promise], [], [], frozenset()))
    world.sandbox.grant("dev", "metastore", metastore, control, "USE_SHARE")
    # What an admin has adopted is ours too, and the store knows it.
    connection.connect(world.service.database_url)
    try:
        admin.shares.update(name, owner=person)
        found = {one.object_name: one for one in KINDS["share-owner-person"].find(look)}
    finally:
        change = {"changes": [{"principal": control, "remove": ["USE_SHARE"]}]}
        world.sandbox.call("dev", "PATCH", f"/api/2.1/unity-catalog/permissions/metastore/{metastore}", json=change)
        admin.shares.delete(name)
        connection.disconnect()

    assert f"this share stops when {person} loses a right" in found[name].found
    assert control in found[name].advice


@pytest.mark.parametrize(("lifetime_seconds", "ends"), [(86_400, True), (90 * 86_400, False), (None, False)])
def test_a_token_that_ends_soon_is_named_with_its_day(
    as_the_service: TwoWorkspaces,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    lifetime_seconds: int | None,
    ends: bool,
) -> None:
    world, admin, control = (
        as_the_service,
        as_the_service.sandbox.client("lab"),
        as_the_service.grants["DEV_CONTROL_ID"],
    )
    # A configuration that names another variable is another connection.
    variable = f"LAB_TOKEN_{lifetime_seconds}"
    made = admin.token_management.create_obo_token(control, lifetime_seconds=lifetime_seconds)
    configured: dict[str, Any] = world.make_configuration()
    configured["workspaces"]["lab"]["auth"] = {"type": "pat", "token": {"env": variable}}
    (tmp_path / "causeway.yaml").write_text(yaml.safe_dump(configured))
    monkeypatch.setenv(variable, made.token_value)
    configuration.use(tmp_path / "causeway.yaml")
    try:
        found = list(KINDS["credential-ends"].find(Look("bikes", "lab", NOTHING)))
    finally:
        admin.token_management.delete(made.token_info.token_id)

    assert [one.object_name for one in found] == ([control] if ends else [])
    assert all("nothing works in lab" in one.found for one in found)
