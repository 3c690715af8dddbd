"""What comes and goes after an acceptance is noticed by a watch, told in the record and, once, in the trail."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.partners import share_models
from tests.journeys.test_partners import of_acme
from tests.sandbox.running import unique
from tests.service_process import Service, wait_for_end
from tests.two_workspaces import ALICE, TwoWorkspaces

CATALOG = "causeway_bikes_acme_acme_watched"
pytestmark = pytest.mark.xdist_group("sharing")


@pytest.fixture
def watchful(world: TwoWorkspaces, tmp_path: Path) -> Iterator[Service]:
    """A service beside the world's own, which looks into its catalogs all the time."""
    running = Service(tmp_path, world.make_configuration(), {**world.secrets, "CAUSEWAY_WATCH_SECONDS": "0.4"})
    yield running
    running.stop()


def test_versions_that_come_and_go_later_are_noticed_without_a_new_acceptance(
    world: TwoWorkspaces, watchful: Service
) -> None:
    alice, model, admin = watchful.client(ALICE), world.model(), world.sandbox.client("dev")
    world.version(model)
    share_models(world, "acme_watched", model)
    accepted = alice.post(
        "/v1/acceptances", json=of_acme(world, "acme_watched"), headers={"Idempotency-Key": unique("k")}
    )
    assert wait_for_end(alice, accepted.json()["id"])["state"] == "SUCCEEDED"
    path = accepted.json()["resource"]["url"]
    first = alice.get(path)

    def shows() -> list[int]:
        return [one["version"] for shown in alice.get(path).json()["models"] for one in shown["versions"]]

    def told() -> list[tuple[str, Any, Any]]:
        events = alice.get("/v1/audit-events", params={"principal": "causeway"}).json()["items"]
        found = [one for one in events if one["resource"] == first.json()["id"]]
        return sorted((one["action"], one["details"]["version"], one["principal"]) for one in found)

    assert (shows(), first.json()["watch"]) == ([1], {"every_seconds": 0.4, "problem": None})
    assert alice.get(path, headers={"If-None-Match": first.headers["ETag"]}).status_code == 304
    world.version(model)
    world.eventually(lambda: shows() == [1, 2])
    second = alice.get(path, headers={"If-None-Match": first.headers["ETag"]})
    assert second.status_code == 200
    assert second.json()["seen_at"] > first.json()["seen_at"]
    admin.model_versions.delete(model, 1)
    world.eventually(lambda: shows() == [2])
    assert told() == [("version appeared", 2, "causeway"), ("version vanished", 1, "causeway")]
    world.sandbox.client("prod").catalogs.delete(CATALOG, force=True)
    world.eventually(lambda: alice.get(path).json()["watch"]["problem"] == "catalog-not-found")
    assert (shows(), len(told())) == ([], 3)
