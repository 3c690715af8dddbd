"""A deadline passes while a workspace is still at work: the caller hears so, and a retry waits for the same work."""

from collections.abc import Iterator

import pytest

from tests.journeys.conftest import Models
from tests.journeys.endpoints import name, serves, updates
from tests.service_process import wait_for_end
from tests.two_workspaces import TwoWorkspaces, failed

pytestmark = pytest.mark.xdist_group("serving")


@pytest.fixture
def impatient(world: TwoWorkspaces) -> Iterator[TwoWorkspaces]:
    """The same world under a service whose limits are short; `restart` brings the patient one back."""
    world.service.stop()
    world.service.target = "tests.impatient_program:main"
    world.service.start()
    yield world
    restart(world)


def restart(world: TwoWorkspaces) -> None:
    """The service as it is shipped, on the same database."""
    world.service.stop()
    world.service.__dict__.pop("target", None)
    world.service.start()


def test_a_deployment_past_its_deadline_starts_no_second_update_and_a_retry_waits_on(
    impatient: TwoWorkspaces, models: Models
) -> None:
    endpoint = name()
    accepted = impatient.post("deployments", models.body("slow", endpoint=endpoint))

    ended = impatient.end(accepted)

    said = failed(ended, "operation-timed-out")
    assert said["retryable"] is True
    assert f"An update of endpoint {endpoint} in prod was not done after" in said["detail"]
    assert "still runs there" in said["detail"]
    assert ":retry" in said["detail"]
    assert "remove the endpoint" not in [step["name"] for step in ended["steps"]]
    restart(impatient)
    assert impatient.alice.post(ended["retry_url"]).status_code == 200
    assert wait_for_end(impatient.alice, ended["id"])["state"] == "SUCCEEDED"
    assert updates(impatient, endpoint) == [{"slow-v1": 100}]
    assert len(impatient.effects("endpoint-created", name=endpoint)) == 1
    assert serves(impatient, endpoint) == {"slow-v1": 100}


def test_a_share_that_is_not_seen_within_the_limit_is_waited_for_again_by_a_retry(impatient: TwoWorkspaces) -> None:
    sandbox = impatient.sandbox
    known = sandbox.call("dev", "GET", "/__sandbox/settings").json()
    assert sandbox.call("dev", "PATCH", "/__sandbox/settings", json={"visibility_seconds": 3600}).status_code == 200
    try:
        model = impatient.model()
        impatient.record(impatient.publish(model, impatient.version(model), audience="spare_12"))
        ended = impatient.end(impatient.accept(audience="spare_12", visible_within_seconds=2))
    finally:
        assert sandbox.call("dev", "PATCH", "/__sandbox/settings", json=known).status_code == 200

    said = failed(ended, "share-not-visible")
    assert (said["workspace"], said["retryable"]) == ("prod", True)
    assert said["waited_seconds"] >= 2
    assert impatient.effects("catalog-created", name="causeway_bikes_spare_12") == []
    restart(impatient)
    assert impatient.alice.post(ended["retry_url"]).status_code == 200
    assert wait_for_end(impatient.alice, ended["id"])["state"] == "SUCCEEDED"
    assert len(impatient.effects("catalog-created", name="causeway_bikes_spare_12")) == 1
