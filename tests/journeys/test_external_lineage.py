"""The consumer's own Unity Catalog is told where an accepted version came from, if that is wanted and allowed."""

from typing import Any

import pytest
import yaml

from app import configuration
from app.domain import external_lineage, inventory
from app.store import inventory as store
from tests.journeys.arrangements import Arranged, arrange
from tests.journeys.test_inventory import listed, look
from tests.journeys.test_upstream_weather import change_settings
from tests.two_workspaces import TwoWorkspaces

__all__ = ["look"]
pytestmark = pytest.mark.xdist_group("serving")


def test_what_a_consumer_owns_is_linked_to_its_origin_and_what_the_platform_refuses_harms_nothing(
    world: TwoWorkspaces, look: Any
) -> None:
    made = arrange(world)
    own, seen, theirs = made.vetted["source"]["model"], made.seen, made.theirs["copies"][0]["owned"]["model"]
    store.claim(configuration.current().workspaces, 300)
    accepted = inventory.refresh("prod")

    def told() -> list[str | None]:
        external_lineage.write("prod", accepted)
        rows = [listed(world, workspace="prod", model=name)[0] for name in (own, theirs, seen)]
        return [row["external_lineage"] for row in rows]

    assert told() == [None, None, None]
    want_lineage(world)
    assert told()[:2] == ["workspace-refused", "workspace-refused"]
    assert world.effects("external-lineage-created") == []
    control = grant_metadata(world)
    assert told()[:2] == ["WRITTEN", "WRITTEN"]
    assert told()[2] in {"workspace-refused", None}
    assert links(world, seen) == []

    change_settings(world, lineage_into_shared=True)
    assert told() == ["WRITTEN", "WRITTEN", "WRITTEN"]
    written = world.effects("external-lineage-created")
    inventory.refresh("prod")
    assert told() == ["WRITTEN", "WRITTEN", "WRITTEN"]

    assert world.effects("external-lineage-created") == written
    check_sources(world, made, control)


def check_sources(world: TwoWorkspaces, made: Arranged, control: str) -> None:
    """Each is tied to what stands for the model at its provider's, with the version, the bytes and our records."""
    own, theirs = made.vetted["source"]["model"], made.theirs["copies"][0]
    known = {"source_version": "2", "digest": made.vetted["digest"], "publication": made.vetted["id"]}
    for name in (made.seen, own):
        source, said = get_source(world, name)
        assert said == {**known, "acceptance": made.accepted["id"]}
        assert (source.system_type.value, source.entity_type, source.owner) == ("DATABRICKS", "model", control)
        assert source.description == f"Model {own} of workspace dev, accepted by Causeway."
    source, said = get_source(world, theirs["owned"]["model"])
    name = theirs["source"]["model"].partition(".")[2]
    by = f"shared by the partner {world.identifier('dev')}/acme_owned"
    assert source.description == f"Model {name} {by}, accepted by Causeway."
    assert said == {"source_version": "1", "digest": theirs["digest"], "acceptance": made.theirs["id"]}


def get_source(world: TwoWorkspaces, model: str) -> tuple[Any, dict[str, str]]:
    """The external metadata that version 1 came from, and what its tie says."""
    (link,) = links(world, model)
    name = link["source"]["external_metadata"]["name"]
    return world.sandbox.client("prod").external_metadata.get_external_metadata(name), link["properties"]


def grant_metadata(world: TwoWorkspaces) -> str:
    """Let control make external metadata in prod; answers who that is."""
    control, metastore = world.grants["PROD_CONTROL_ID"], world.sandbox.client("prod").metastores.summary().metastore_id
    change = {"principal": control, "add": ["CREATE_EXTERNAL_METADATA"]}
    place = f"/api/2.1/unity-catalog/permissions/metastore/{metastore}"
    assert world.sandbox.call("prod", "PATCH", place, json={"changes": [change]}).status_code == 200
    return control


def want_lineage(world: TwoWorkspaces) -> None:
    """Have this process look at prod as one that is set to it."""
    wanted = world.make_configuration()
    wanted["workspaces"]["prod"]["external_lineage"] = True
    path = world.service.folder / "external_lineage.yaml"
    path.write_text(yaml.safe_dump(wanted))
    configuration.use(path)


def links(world: TwoWorkspaces, model: str) -> list[dict[str, Any]]:
    """What the platform says of where version 1 came from."""
    query = {"object_info.model_version.name": model, "object_info.model_version.version": "1"}
    query |= {"lineage_direction": "UPSTREAM"}
    answer = world.sandbox.call("prod", "GET", "/api/2.0/lineage-tracking/external-lineage", params=query)
    return [one["external_lineage_info"] for one in answer.json().get("external_lineage_relationships", [])]
