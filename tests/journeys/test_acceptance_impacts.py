"""What giving an acceptance back would hit is told before it is done, and endpoints are not cut off by oversight."""

from typing import Any

import pytest
from databricks.sdk.service.serving import EndpointCoreConfigInput, ServedEntityInput

from tests.journeys.test_accepting import publish
from tests.sandbox.running import unique
from tests.two_workspaces import BOB, TwoWorkspaces, control, problem

pytestmark = pytest.mark.xdist_group("sharing")


def test_giving_back_names_what_serves_from_the_catalog_and_is_refused_unless_forced(world: TwoWorkspaces) -> None:
    published = publish(world, "spare_7")
    acceptance, second = (world.record(world.accept(audience="spare_7")) for _ in range(2))
    path, record = f"/v1/acceptances/{acceptance['id']}/impact", f"acceptances/{acceptance['id']}"
    idle = world.alice.get(path).json()
    ours, theirs, model = unique("bikes-e"), unique("e"), f"{acceptance['catalog']}.{published['shared_as']}"
    small: dict[str, Any] = {"workload_size": "Small", "scale_to_zero_enabled": True}
    entity = ServedEntityInput(entity_name=model, entity_version="1", **small)
    for name in (ours, theirs):
        config = EndpointCoreConfigInput(name=name, served_entities=[entity])
        control(world, "prod").serving_endpoints.create(name, config=config)

    impact = world.alice.get(path).json()

    assert (idle["in_use"], idle["removes_catalog"], idle["endpoints"]) == (False, True, [])
    assert (impact["in_use"], impact["other_endpoints"], impact["acceptances"]) == (True, 1, [second["id"]])
    (endpoint,) = impact["endpoints"]
    assert (endpoint["workspace"], endpoint["name"]) == ("prod", ours)
    assert [(one["model"], one["version"]) for one in endpoint["served"]] == [(model, "1")]
    made = {(one["action"], one["kind"], one["name"]) for one in impact["plan"]["changes"]}
    assert made == {("remove", "catalog", acceptance["catalog"]), ("change", "acceptance", second["id"])}
    refused = problem(world.delete(record), 409, "acceptance-in-use")
    assert (refused["endpoints"], refused["other_endpoints"]) == ([f"prod/{ours}"], 1)
    assert theirs not in str(refused) + str(impact)
    problem(world.delete(f"{record}?force=true&plan_digest={idle['plan']['digest']}"), 409, "plan-stale")
    problem(world.service.client(BOB).get(path), 404, "record-not-found")
    problem(world.delete(f"{record}?force=true", client=world.service.client(BOB)), 404, "record-not-found")

    ended = world.end(world.delete(f"{record}?force=true&plan_digest={impact['plan']['digest']}"))

    hits = [f"prod/{ours}", "1 of other projects"]
    removed = next(step for step in ended["steps"] if step["name"] == "remove the catalog")
    assert removed["text"].endswith(f"is gone; hit: {', '.join(hits)}")
    events = world.alice.get("/v1/audit-events", params={"operation_id": ended["id"]}).json()["items"]
    assert {"forced": True, "hits": hits} in [one["details"] for one in events]
    assert world.effects("catalog-deleted", name=acceptance["catalog"])
    assert world.alice.get(path).json()["endpoints"] == []
    for name in (ours, theirs):
        control(world, "prod").serving_endpoints.delete(name)
