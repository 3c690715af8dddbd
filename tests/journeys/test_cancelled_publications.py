"""A publication that is cancelled; what crashes and lost answers do to it is the matrices' affair."""

import pytest

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
