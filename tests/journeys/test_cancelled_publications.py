"""A publication that is cancelled; what crashes and lost answers do to it is the matrices' affair."""

import pytest

from tests.journeys.test_contents import held
from tests.two_workspaces import TwoWorkspaces

pytestmark = pytest.mark.xdist_group("sharing")


def test_a_cancelled_publication_leaves_nothing_for_the_audience_to_see(
    world: TwoWorkspaces, faults: TwoWorkspaces
) -> None:
    model = world.model()
    kept, version = world.version(model), world.version(model)
    record = world.record(world.publish(model, kept))
    faults.fault(method="PUT", path="/api/2.0/fs/files/Volumes/*/result.json", kind="delay", delay_seconds=10)
    accepted = world.publish(model, version)
    copies = record["published"]["model"]
    world.eventually(lambda: len(world.effects("model-version-ready", name=copies)) == 2)

    cancelled = world.alice.post(f"/v1/operations/{accepted.json()['id']}:cancel")

    assert cancelled.status_code == 200, cancelled.text
    ended = world.end(accepted)
    assert ended["state"] == "CANCELLED"
    assert world.alice.get(ended["resource"]["url"]).json()["state"] == "CANCELLED"
    page = world.alice.get(f"/v1/workspaces/dev/models/{copies}/versions").json()
    assert [one["version"] for one in page["items"]] == [record["published"]["version"]]
    assert world.record(world.publish(model, version))["state"] == "ACTIVE"


def test_what_is_on_its_way_into_the_share_when_its_publication_is_cancelled_is_taken_out_again(
    faults: TwoWorkspaces,
) -> None:
    world, model = faults, faults.model()
    version, share = world.version(model), "/api/2.1/unity-catalog/shares/causeway_bikes_second"
    faults.fault(method="PATCH", path=share, kind="delay", delay_seconds=3)
    accepted = world.publish(model, version, audience="second", mode="whole-model")
    world.wait_for_step(accepted, "ensure the model in the share")

    assert world.alice.post(f"/v1/operations/{accepted.json()['id']}:cancel").status_code == 200

    assert world.end(accepted)["state"] == "CANCELLED"
    world.eventually(lambda: bool(world.effects("share-object-added", object=model)))
    assert model not in held(world, "second")
