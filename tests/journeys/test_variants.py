"""The journey over HTTP, whichever way the platform turns out to behave where nobody could verify it.

`make test` plays it with everything the other way, and its sharing with one draw of the day, in which any two manners
may meet; where the environment says `CHAOS`, the whole of it also with each manner alone the other way.
"""

import os
import random
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from app.sandbox.settings import VARIANTS
from tests.journeys.drifting import names, reconcile
from tests.sandbox.running import unique
from tests.two_workspaces import TwoWorkspaces, failed
from tests.workspaces.test_endpoints import DOUBLING, MLMODEL

pytestmark = pytest.mark.xdist_group("sharing")
AUDIENCE = "spare_19"
EXAMPLE = """\
saved_input_example_info: {artifact_path: input_example.json, serving_input_path: serving_input_example.json}
"""
FILES = {
    "MLmodel": MLMODEL + EXAMPLE,
    "code/doubling.py": DOUBLING,
    "requirements.txt": "mlflow==3.17.2\n",
    "input_example.json": '{"columns": ["x"], "data": [[1.0]]}',
    "serving_input_example.json": '{"dataframe_split": {"columns": ["x"], "data": [[1.0]]}}',
}
ALL = {setting: values[-1] for setting, values in VARIANTS.items()}
ALONE = [{setting: value} for setting, values in VARIANTS.items() for value in values[1:]]
# What shows only where something serves, and where a quota is reached.
OF_SERVING = {"endpoint_exists_status", "update_conflict_code", "not_ready_status", "too_large_status"}
OF_SERVING |= {"retry_after_seconds", "complete_routes", "serve_withdrawn"}
OF_QUOTAS = {"quota_code", "quota_status"}
IN_CHAOS = "CHAOS" in os.environ
TOO_MUCH = 16 * 1024 * 1024


def draw(seed: int) -> dict[str, Any]:
    """Each manner one way or another: any two of them meet in every combination within a few days."""
    chosen = random.Random(seed)
    return {setting: chosen.choice(values) for setting, values in VARIANTS.items()}


def test_the_journey_passes_when_everything_is_the_other_way(world: TwoWorkspaces) -> None:
    Journey(world, ALL, serves=True, scores=IN_CHAOS).play()


def test_the_journey_passes_as_the_day_draws_the_manners(world: TwoWorkspaces) -> None:
    Journey(world, draw(datetime.now(UTC).toordinal()), serves=IN_CHAOS, scores=IN_CHAOS).play()


@pytest.mark.skipif(not IN_CHAOS, reason="make chaos")
@pytest.mark.parametrize("others", ALONE, ids=[f"{name}={value}" for one in ALONE for name, value in one.items()])
def test_the_journey_passes_with_one_manner_the_other_way(world: TwoWorkspaces, others: dict[str, Any]) -> None:
    Journey(world, others, serves=bool(others.keys() & OF_SERVING), scores=True).play()


class Journey:
    """Publish, accept, reconcile, score, deploy, withdraw, give back; where it says so, a quota is reached first."""

    def __init__(self, world: TwoWorkspaces, others: dict[str, Any], *, serves: bool, scores: bool) -> None:
        self.world, self.others, self.serves, self.scores = world, others, serves, scores
        self.last, self.tag = unique("m"), unique("t").replace("_", "-")
        self.catalog, self.endpoint = f"shared_bikes_{self.last}", f"bikes-{self.tag}"
        self.published_as = f"causeway_shareable.causeway_bikes_{AUDIENCE}.{self.last}"

    def play(self) -> None:
        model = self.world.model(last=self.last)
        self.version = self.world.version(model, files=FILES)
        with self.world.sandbox.switched(visibility_seconds=0.2, **self.others):
            if self.others.keys() & OF_QUOTAS:
                with self.world.sandbox.switched(objects_per_share=0):
                    failed(self.world.end(self._publish()), "quota-reached")
                assert self._copies() == []
            publication = self.world.record(self._publish())
            acceptance = self.world.record(self.world.accept(audience=AUDIENCE, catalog=self.catalog))
            self.seen = {"model": f"{self.catalog}.{publication['shared_as']}", "version": self._copies()[0]}
            self._find_nothing_amiss()
            if self.scores:
                self._score()
            if self.serves:
                self._deploy()
            withdrawn = self.world.end(self.world.delete(f"publications/{publication['id']}?force=true"))
            if self.serves:
                self._predict_what_was_withdrawn()
            returned = self.world.end(self.world.delete(f"acceptances/{acceptance['id']}?force=true"))
            assert (withdrawn["state"], returned["state"]) == ("SUCCEEDED", "SUCCEEDED"), (withdrawn, returned)
            self._leave_nothing()

    def _publish(self) -> httpx.Response:
        return self.world.publish(f"main.bikes.{self.last}", self.version, audience=AUDIENCE)

    def _find_nothing_amiss(self) -> None:
        found = reconcile(self.world, "dev", "prod")
        assert [drift for drift in found if names(drift, self.last)] == []

    def _score(self) -> None:
        body = {"project": "bikes", "workspace": "prod", **self.seen, "rows": [{"x": 1.5}]}
        scored = self.world.record(self.world.post("scoring-runs", body))
        assert self._get(f"scoring-runs/{scored['id']}/predictions")["items"] == [3.0]

    def _deploy(self) -> None:
        """A prediction meanwhile is early, and says so; one that is too large is so in the service's own words."""
        body = {"project": "bikes", "workspace": "prod", **self.seen, "endpoint": self.endpoint}
        deployment = self.world.post("deployments", body)
        self.world.wait_for_step(deployment, "wait for the new version")
        early = self._predict()
        assert early.status_code == 200 or early.json()["retryable"], early.text
        assert self.world.record(deployment)["state"] == "ACTIVE"
        assert self._predict().json() == {"predictions": [3.0]}
        large = self._predict(client_request_id="x" * TOO_MUCH)
        assert (large.status_code, large.json()["code"]) == (413, "body-too-large")

    def _predict_what_was_withdrawn(self) -> None:
        answer = self._predict()
        if self.others.get("serve_withdrawn", True):
            assert answer.json() == {"predictions": [3.0]}
        else:
            assert answer.json()["code"] == "model-version-not-found"
        self.world.sandbox.client("prod").serving_endpoints.delete(self.endpoint)

    def _predict(self, **more: Any) -> httpx.Response:
        body = {"dataframe_split": {"columns": ["x"], "data": [[1.5]]}, **more}
        return self.world.alice.post(f"/v1/workspaces/prod/serving-endpoints/{self.endpoint}/invocations", json=body)

    def _leave_nothing(self) -> None:
        assert self._copies() == []
        shown = self._get("workspaces/prod/catalogs?page_size=200")["items"]
        assert self.catalog not in [one["name"] for one in shown]

    def _copies(self) -> list[int]:
        """The versions of the shareable model that are there now."""
        versions = self.world.sandbox.client("dev").model_versions.list(self.published_as)
        return sorted(int(one.version) for one in versions)

    def _get(self, path: str) -> Any:
        return self.world.alice.get(f"/v1/{path}").json()
