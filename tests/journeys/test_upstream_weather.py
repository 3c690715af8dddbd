"""What the caller sees, and what is left behind, while a workspace throttles, fails, drops tokens or loses things.

That a lost answer is no second effect is shown in test_lost_answers.py, call by call; time-outs,
connections that break, and Retry-After as a date in tests/workspaces.
"""

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.sandbox.running import unique
from tests.service_process import PLAIN, wait_for_end
from tests.two_workspaces import LOST_PARTNER, TwoWorkspaces, control, failed, problem

pytestmark = pytest.mark.xdist_group("sharing")

UC = "/api/2.1/unity-catalog"
RESULT = ("PUT", "/api/2.0/fs/files/Volumes/*/result.json")
WAIT = "wait for the copy job"


@pytest.fixture
def weather(faults: TwoWorkspaces) -> Iterator[TwoWorkspaces]:
    """The shared world for a test that changes the sandbox's manners as well; they are as before afterwards."""
    known = faults.sandbox.call("dev", "GET", "/__sandbox/settings").json()
    yield faults
    change_settings(faults, **known)


def change_settings(world: TwoWorkspaces, **settings: Any) -> None:
    assert world.sandbox.call("dev", "PATCH", "/__sandbox/settings", json=settings).status_code == 200


def delay_copy(world: TwoWorkspaces, seconds: float) -> None:
    """Keep the copy job running after its copy is made."""
    world.fault(method=RESULT[0], path=RESULT[1], kind="delay", delay_seconds=seconds)


def watch(world: TwoWorkspaces, accepted: httpx.Response) -> tuple[dict[str, Any], set[tuple[str, str]]]:
    """The operation once it has ended, and every step and text that it showed on the way."""
    assert accepted.status_code == 202, accepted.text
    shown: set[tuple[str, str]] = set()
    deadline = time.monotonic() + 120
    while True:
        operation = world.alice.get(f"/v1/operations/{accepted.json()['id']}").json()
        shown |= {(step["name"], step["text"]) for step in operation["steps"]}
        if operation["done"]:
            return operation, shown
        assert time.monotonic() < deadline, operation
        time.sleep(0.03)


def step(operation: dict[str, Any], name: str) -> dict[str, Any]:
    return next(found for found in operation["steps"] if found["name"] == name)


def asked_at(world: TwoWorkspaces, method: str, path: str, since: int, workspace: str = "dev") -> list[float]:
    """When the requests since that millisecond came in, in seconds."""
    query = {"method": method, "path": path, "workspace": workspace, "since": since}
    found = world.sandbox.call("dev", "GET", "/__sandbox/requests", params=query).json()["requests"]
    return [one["at"] / 1000 for one in found]


def circuits(world: TwoWorkspaces) -> list[str]:
    """The workspaces whose circuit is open, the island too once it was asked; the service is ready all the same."""
    answer = httpx.get(f"{world.service.url}/readyz", verify=PLAIN)
    assert answer.status_code == 200, answer.text
    found: list[str] = answer.json()["workspaces"]["circuit_open"]
    return found


def now() -> int:
    return time.time_ns() // 1_000_000


def copies(world: TwoWorkspaces, model: str) -> int:
    """How many versions the copies of a model got in all: the journal forgets nothing."""
    last = model.rpartition(".")[2]
    return len([one for one in world.effects("model-version-created") if one["name"].endswith(f".{last}")]) - 1


def publish(world: TwoWorkspaces, audience: str = "second") -> tuple[str, httpx.Response]:
    model = world.model()
    return model, world.publish(model, world.version(model), audience=audience)


def test_each_kind_of_refusal_is_tried_again_not_before_its_time_and_done_once(weather: TwoWorkspaces) -> None:
    path = f"{UC}/shares/causeway_bikes_second"
    model, since = weather.model(), now()
    version, before = weather.version(model), len(weather.effects("share-object-added"))
    weather.fault(method="PUT", path="*/parameters.json", kind="throttle", retry_after=1)
    weather.fault(method="POST", path="/api/2.*/jobs/runs/submit", kind="refuse", status=503, retry_after=1)
    weather.fault(method="GET", path="/api/2.*/jobs/runs/get", kind="throttle", retry_after=1, times=2)
    weather.fault(method="PATCH", path=path, kind="refuse", status=500)
    weather.fault(method="PATCH", path=f"{path}*", kind="refuse", status=504, error_code="DEADLINE_EXCEEDED", offset=1)

    operation, shown = watch(weather, weather.publish(model, version, audience="second"))

    assert operation["state"] == "SUCCEEDED", operation
    written = asked_at(weather, "PUT", "*/parameters.json", since)
    submitted = asked_at(weather, "POST", "/api/2.*/jobs/runs/submit", since)
    assert (len(written), len(submitted)) == (2, 2)
    assert min(written[1] - written[0], submitted[1] - submitted[0]) >= 1
    texts = {text for _, text in shown}
    assert any("refused writing" in text and "its own limits" in text for text in texts), texts
    assert any("could not be reached for starting job" in text for text in texts), texts
    assert (WAIT, next(text for _, text in shown if "reading job run" in text and "own limits" in text)) in shown
    assert step(operation, "write the parameters of the copy job")["tries"] == 2
    assert step(operation, "start the copy job")["tries"] == 2
    assert step(operation, "ensure the model in the share")["tries"] >= 2
    assert copies(weather, model) == 1
    assert len(weather.effects("share-object-added")) == before + 1
    assert len([one for one in weather.effects("job-run-started") if operation["id"] in str(one)]) == 1


def test_a_workspace_that_stops_answering_is_probed_and_the_operation_goes_on_when_it_is_back(
    weather: TwoWorkspaces,
) -> None:
    since, polled = now(), ("GET", "/api/2.*/jobs/runs/get")
    weather.fault(method=polled[0], path=polled[1], kind="refuse", status=503, retry_after=0, times=5)
    model, accepted = publish(weather)
    weather.eventually(lambda: "dev" in circuits(weather))

    refused = weather.alice.get(f"/v1/workspaces/dev/models/{model}")
    started = problem(weather.publish(model, 1, audience="second"), 503, "workspace-circuit-open")
    metrics = httpx.get(f"{weather.service.url}/metrics").text
    prod = weather.alice.get("/v1/workspaces/prod").json()
    operation, shown = watch(weather, accepted)

    assert problem(refused, 503, "workspace-circuit-open")["retryable"] is True
    assert 1 <= int(refused.headers["retry-after"]) <= 10
    assert started["workspace"] == "dev"
    assert 'causeway_workspace_circuit_open{workspace="dev"} 1.0' in metrics
    assert prod["reachable"] is True
    assert operation["state"] == "SUCCEEDED", operation
    assert any(name == WAIT and "has stopped answering" in text for name, text in shown), shown
    asked = asked_at(weather, *polled, since)
    assert len(asked) >= 6
    assert asked[5] - asked[4] >= 9
    assert copies(weather, model) == 1
    assert "dev" not in circuits(weather)


def test_tokens_that_expire_in_mid_operation_are_fetched_anew(weather: TwoWorkspaces) -> None:
    change_settings(weather, oauth_token_seconds=3)
    stale: dict[str, Any] = {"status": 403, "error_code": "PERMISSION_DENIED"}
    since = now()
    for method, path in (("GET", "/api/2.*/jobs/runs/get"), ("PATCH", f"{UC}/shares/*")):
        weather.fault(method=method, path=path, kind="refuse", message="Invalid access token.", **stale)
    delay_copy(weather, 4)

    model, accepted = publish(weather)
    operation, shown = watch(weather, accepted)

    assert operation["state"] == "SUCCEEDED", operation
    assert any(name == WAIT and "refused the token" in text for name, text in shown), shown
    assert len(asked_at(weather, "POST", "/oidc/v1/token", since)) >= 2
    assert copies(weather, model) == 1


def test_what_is_seen_late_is_waited_for_and_said(weather: TwoWorkspaces) -> None:
    change_settings(weather, visibility_seconds=3)
    _, accepted = publish(weather, "spare_15")
    published = weather.record(accepted)

    operation, shown = watch(weather, weather.accept(audience="spare_15"))

    assert operation["state"] == "SUCCEEDED", operation
    assert any(name == "wait for the share" and "yet" in text for name, text in shown), shown
    record = weather.alice.get(operation["resource"]["url"]).json()
    shown_models = {one["model"] for one in record["models"]}
    assert f"{record['catalog']}.{published['shared_as']}" in shown_models
    assert len(weather.effects("catalog-created", name=record["catalog"])) == 1


def retried(world: TwoWorkspaces, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation after it was tried again."""
    answer = world.alice.post(operation["retry_url"])
    assert answer.status_code == 200, answer.text
    return wait_for_end(world.alice, operation["id"])


def test_a_share_that_is_deleted_while_the_copy_is_made_is_named_and_made_anew_by_a_retry(
    weather: TwoWorkspaces,
) -> None:
    delay_copy(weather, 2)
    model, accepted = publish(weather, "spare_13")
    weather.eventually(lambda: copies(weather, model) == 1)
    control(weather).shares.delete("causeway_bikes_spare_13")

    ended = weather.end(accepted)

    assert failed(ended, "share-not-found")["name"] == "causeway_bikes_spare_13"
    assert step(ended, "take the copy back")["state"] == "SUCCEEDED"
    gone = [one for one in weather.effects("model-version-deleted") if one["name"].endswith(model.rpartition(".")[2])]
    assert len(gone) == 1
    assert retried(weather, ended)["state"] == "SUCCEEDED"


def test_a_recipient_that_is_deleted_before_it_may_read_is_named_and_made_anew_by_a_retry(
    weather: TwoWorkspaces,
) -> None:
    weather.fault(method="PATCH", path=f"{UC}/shares/*/permissions", kind="delay", delay_seconds=2)
    _, accepted = publish(weather, "forsaken")
    weather.wait_for_step(accepted, "ensure SELECT for the recipients")
    for known in list(control(weather).recipients.list(data_recipient_global_metastore_id=LOST_PARTNER)):
        control(weather).recipients.delete(known.name)

    ended = weather.end(accepted)

    assert failed(ended, "object-not-found")["kind"] == "recipient"
    assert retried(weather, ended)["state"] == "SUCCEEDED"


@pytest.mark.parametrize(
    ("awaited", "held"),
    [
        ("let its users use the catalog", ("PATCH", f"{UC}/permissions/catalog/*")),
        ("wait for the published versions", ("GET", f"{UC}/models/*/versions")),
    ],
)
def test_a_catalog_that_is_deleted_while_it_is_accepted_is_named_and_made_anew_by_a_retry(
    weather: TwoWorkspaces, awaited: str, held: tuple[str, str]
) -> None:
    _, accepted = publish(weather, "spare_15")
    weather.record(accepted)
    catalog, owner = unique("shared_bikes_lost"), control(weather, "prod")
    # The step goes no further until the catalog is gone, however long that takes; no circuit opens for that.
    weather.fault("prod", method=held[0], path=held[1], kind="throttle", retry_after=0, times=1000)
    accepted = weather.accept(audience="spare_15", catalog=catalog)
    weather.wait_for_step(accepted, awaited)
    owner.catalogs.delete(catalog, force=True)
    assert weather.sandbox.call("prod", "DELETE", "/__sandbox/faults").status_code == 200

    ended = weather.end(accepted)

    assert failed(ended, "catalog-not-found")["name"] == catalog
    assert step(ended, awaited)["state"] == "FAILED"
    assert retried(weather, ended)["state"] == "SUCCEEDED"
    assert len(weather.effects("catalog-created", name=catalog)) == 2
