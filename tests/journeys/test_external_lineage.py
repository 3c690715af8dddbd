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


def test_a_refusal_is_told_and_harms_nothing_and_what_is_allowed_is_written_once(
    world: TwoWorkspaces, look: Any
) -> None:
    model = world.model()
    published = world.record(world.publish(model, world.version(model), audience="second"))
    accepted = world.record(world.accept(audience="second"))
    seen = f"{accepted['catalog']}.{published['shared_as']}"

    def told() -> str | None:
        external_lineage.write("prod", inventory.refresh("prod"))
        (row,) = listed(world, workspace="prod", model=seen)
        assert (row["state"], row["digest"]) == ("READY", published["digest"])
        found: str | None = row["external_lineage"]
        return found

    store.claim(configuration.current().workspaces, 300)
    assert told() is None
    want_lineage(world)
    assert told() in {"workspace-refused", None}  # the first refusal ends it, maybe at another version
    control, admin = world.grants["PROD_CONTROL_ID"], world.sandbox.client("prod")
    metastore = admin.metastores.summary().metastore_id
    change = {"principal": control, "add": ["CREATE_EXTERNAL_METADATA"]}
    place = f"/api/2.1/unity-catalog/permissions/metastore/{metastore}"
    assert world.sandbox.call("prod", "PATCH", place, json={"changes": [change]}).status_code == 200
    assert told() in {"workspace-refused", None}
    assert world.effects("external-lineage-created") == []

    change_settings(world, lineage_into_shared=True)
    assert told() == "WRITTEN"
    written = world.effects("external-lineage-created")
    assert told() == "WRITTEN"

    assert world.effects("external-lineage-created") == written
    (link,) = links(world, seen)
    assert link["properties"] == {"source_version": "1", "digest": published["digest"], "publication": published["id"]}
    source = admin.external_metadata.get_external_metadata(link["source"]["external_metadata"]["name"])
    assert (source.system_type.value, source.entity_type) == ("DATABRICKS", "model")
    assert model in source.description
    assert source.owner == control


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
    return [one["external_lineage_info"] for one in answer.json()["external_lineage_relationships"]]
