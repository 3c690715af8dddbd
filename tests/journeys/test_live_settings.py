"""The journey of `make live`, pointed at the sandbox by its settings alone, while no token lives longer than 3 s."""

from collections.abc import Iterator
from fnmatch import fnmatch
from typing import Any

import pytest

from tests.journeys.test_upstream_weather import change_settings, now
from tests.live.journey import Journey, play
from tests.live.live_settings import LiveSettings, list_missing
from tests.two_workspaces import TwoWorkspaces

pytestmark = pytest.mark.xdist_group("serving")
UC = "/api/2.1/unity-catalog"
# The platform's answer to a token that has ended: which of the two, nobody could verify.
STALE = ((403, "PERMISSION_DENIED"), (401, "UNAUTHENTICATED"))
Played = tuple[Journey, list[dict[str, Any]]]
# A call of each workflow, after the workspace was asked for other things by the same token.
REFUSED = {
    "train": ("GET", "/api/2.*/jobs/runs/get"),
    "publish": ("PATCH", f"{UC}/shares/*"),
    "accept": ("POST", f"{UC}/catalogs"),
    "score": ("POST", "/api/2.*/jobs/runs/submit"),
    "deploy": ("POST", "/api/2.0/serving-endpoints"),
    "predict": ("POST", "/serving-endpoints/*/invocations"),
    "give-back": ("DELETE", f"{UC}/catalogs/*"),
    "withdraw": ("DELETE", f"{UC}/models/*/versions/*"),
}


def make_environment(world: TwoWorkspaces) -> dict[str, str]:
    """What somebody who ran grants.sh would set."""
    found = {}
    for name in ("dev", "prod"):
        known = world.grants
        found[f"LIVE_{name.upper()}_HOST"] = world.sandbox.workspaces[name]["host"]
        for variable, granted in (
            ("CLIENT_ID", "CONTROL_ID"),
            ("CLIENT_SECRET", "CONTROL_SECRET"),
            ("RUNNER", "RUNNER_bikes"),
        ):
            found[f"LIVE_{name.upper()}_{variable}"] = known[f"{name.upper()}_{granted}"]
    return found


@pytest.fixture(scope="module")
def journey(world: TwoWorkspaces, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """The journey, played once, and what it asked of the sandbox."""
    known = world.sandbox.call("dev", "GET", "/__sandbox/settings").json()
    change_settings(world, oauth_token_seconds=3)
    for number, (stage, (method, path)) in enumerate(REFUSED.items()):
        status, code = STALE[number % 2]
        for workspace in ("dev", "prod"):
            # The first prediction is the deployment's own.
            which = {"method": method, "path": path, "offset": int(stage == "predict")}
            refusal = {"status": status, "error_code": code, "message": "Invalid access token."}
            world.fault(workspace, kind="refuse", **which, **refusal)
    since = now()
    try:
        with pytest.MonkeyPatch.context() as patch:
            for variable, value in make_environment(world).items():
                patch.setenv(variable, value)
            played = play(tmp_path_factory.mktemp("live"))
        asked = world.sandbox.call("dev", "GET", "/__sandbox/requests", params={"since": since})
        yield played, asked.json()["requests"]
    finally:
        change_settings(world, **known)
        for workspace in ("dev", "prod"):
            assert world.sandbox.call(workspace, "DELETE", "/__sandbox/faults").status_code == 200


def test_the_journey_passes_by_the_settings_alone_and_asks_nothing_that_only_a_sandbox_has(
    world: TwoWorkspaces, journey: Played
) -> None:
    played, asked = journey

    assert played.answers["served"] == pytest.approx(played.answers["scored"], rel=1e-9)
    digests = {played.records[stage]["outcome"]["digest"] for stage in ("score", "deploy")}
    published, verified = played.records["publish"], played.records["deploy"]["outcome"]["verified"]
    assert digests == {published["digest"], verified["digest"]}
    assert verified["files"] == len(published["files"])
    assert played.records["withdraw"]["state"] == "WITHDRAWN"
    assert played.records["give-back"]["state"] == "GIVEN_BACK"
    ours = {world.grants[f"{place}_{one}"] for place in ("DEV", "PROD") for one in ("CONTROL_ID", "RUNNER_bikes")}
    # A call that a rule refused never came to the question whose it was.
    assert {one["principal"] for one in asked if one["path"].startswith("/api/")} - {""} <= ours
    assert [one for one in asked[:-1] if one["path"].startswith("/__sandbox")] == []


def test_tokens_that_live_three_seconds_and_end_in_a_403_or_401_stop_no_workflow(
    world: TwoWorkspaces, journey: Played
) -> None:
    played, asked = journey

    for stage, (method, path) in REFUSED.items():
        calls = [one for one in asked if one["method"] == method and fnmatch(one["path"], path)]
        refused = [one["at"] for one in calls if one["status"] in {401, 403}]
        assert refused, stage
        assert any(one["status"] < 300 and one["at"] >= refused[0] for one in calls), stage
    assert len([one for one in asked if one["path"] == "/oidc/v1/token"]) > len(REFUSED)
    model, copy = f"{played.settings.schema_name}.{played.last}", played.records["publish"]["published"]["model"]
    assert len(world.effects("model-version-created", name=model)) == 1
    assert len(world.effects("model-version-created", name=copy)) == 1
    assert len(world.effects("endpoint-created", name=played.endpoint)) == 1


def test_settings_that_are_missing_are_named_and_no_value_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in LiveSettings.model_fields:
        monkeypatch.delenv(f"LIVE_{name.upper()}", raising=False)
    monkeypatch.setenv("LIVE_DEV_HOST", "https://dev.example")

    assert "LIVE_DEV_CLIENT_SECRET" in list_missing()
    assert "LIVE_DEV_HOST" not in list_missing()
    assert "LIVE_PROJECT" not in list_missing()
