"""The consumer's own Unity Catalog is told where an accepted version came from, if that is wanted and allowed."""

from typing import Any

import pytest
import yaml

from app import configuration
from app.domain import external_lineage, inventory
from app.store import inventory as store
from tests.journeys.test_inventory import listed, look
from tests.journeys.test_upstream_weather import change_settings
from tests.two_workspaces import TwoWorkspaces

__all__ = ["look"]
pytestmark = pytest.mark.xdist_group("serving")


def test_what_a_consumer_owns_is_linked_to_its_origin_and_what_the_platform_refuses_harms_nothing(
    world: TwoWorkspaces, look: Any
) -> None:
    model = world.model()
    published = world.record(world.publish(model, world.version(model), audience="spare_27"))
    accepted = world.record(world.accept(audience="spare_27", copy=True))
    seen = f"{accepted['catalog']}.{published['shared_as']}"

    def told() -> dict[str, str | None]:
        external_lineage.write("prod", inventory.refresh("prod"))
        rows = {name: listed(world, workspace="prod", model=name)[0] for name in (seen, model)}
        assert {(row["state"], row["digest"]) for row in rows.values()} == {("READY", published["digest"])}
        return {name: row["external_lineage"] for name, row in rows.items()}

    store.claim(configuration.current().workspaces, 300)
    assert told() == {seen: None, model: None}
    want_lineage(world)
    told()
    # The first refusal ended it, maybe at another copy.
    assert "workspace-refused" in {one["external_lineage"] for one in listed(world, workspace="prod")}
    assert world.effects("external-lineage-created") == []
    control = grant_metadata(world)
    assert told() == {seen: told()[seen], model: "WRITTEN"}
    assert told()[seen] in {"workspace-refused", None}
    assert links(world, seen) == []

    change_settings(world, lineage_into_shared=True)
    assert told() == {seen: "WRITTEN", model: "WRITTEN"}
    written = world.effects("external-lineage-created")
    assert told() == {seen: "WRITTEN", model: "WRITTEN"}

    assert world.effects("external-lineage-created") == written
    known = {"source_version": "1", "digest": published["digest"], "publication": published["id"]}
    admin = world.sandbox.client("prod").external_metadata
    for name in (seen, model):
        (link,) = links(world, name)
        assert link["properties"] == {**known, "acceptance": accepted["id"]}
        source = admin.get_external_metadata(link["source"]["external_metadata"]["name"])
        assert (source.system_type.value, source.entity_type, source.owner) == ("DATABRICKS", "model", control)
        assert source.description == f"Model {model} of workspace dev, accepted by Causeway."


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
