"""Preflight: what a workspace lacks is found and named, and the commands that are told mend it."""

import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from app import configuration, settings
from app.cli import app
from app.domain.preflight import reports
from app.domain.preflight.checks import Check
from app.domain.preflight.rights import CONSUMER, RIGHTS
from tests.sandbox.running import Sandbox
from tests.service_process import Service
from tests.two_workspaces import ADMIN, ALICE, BOB, TwoWorkspaces, make_version, problem

# For what stands on the shared world; a sandbox of one's own is as good on any worker.
shared_world = pytest.mark.xdist_group("sharing")
CONTROLS, RUNNERS = ({place: str(uuid.uuid4()) for place in ("dev", "prod")} for _ in range(2))
# Without any grant these are so, or nothing can be said of them.
NEVER_RED = {"runner-is-separate", "clock", "unity-catalog", "job-environment", "serving", "warehouse"}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Sandbox]:
    """A sandbox of one's own, as on the first day."""
    running = Sandbox(tmp_path / "sandbox", "--visibility-seconds", "0.2")
    yield running
    running.stop()


@pytest.fixture
def desk(fresh: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An admin's shell: a configuration of what shall be, and tokens; nothing of it is there yet."""
    path = tmp_path / "causeway.yaml"
    path.write_text(yaml.safe_dump(make_configuration(fresh)))
    monkeypatch.setenv("CAUSEWAY_CONFIG", str(path))
    monkeypatch.setenv("ENV_FILE", str(tmp_path / "causeway.env"))
    for name in ("dev", "prod"):
        monkeypatch.setenv(f"{name.upper()}_TOKEN", fresh.workspaces[name]["token"])
    # They are read once a process, which other tests have used before.
    settings.current.cache_clear()
    yield tmp_path
    settings.current.cache_clear()


def make_configuration(sandbox: Sandbox) -> dict[str, Any]:
    def workspace(name: str, **more: Any) -> dict[str, Any]:
        known, secret = sandbox.workspaces[name], {"env": f"{name.upper()}_CONTROL_SECRET"}
        auth = {"type": "oauth-m2m", "client_id": CONTROLS[name], "client_secret": secret}
        place = {"host": known["host"], "cloud": known["cloud"], "volume": "causeway.control.files"}
        return {**place, "auth": auth, **more}

    warehouse = sandbox.client("prod").warehouses.create(name="outcomes", cluster_size="2X-Small").response.id
    return {
        "workspaces": {
            "dev": workspace("dev", shareable_catalog="causeway_shareable"),
            "prod": workspace("prod", warehouse_id=warehouse, external_lineage=True),
        },
        "links": [{"from": "dev", "to": "prod"}],
        "projects": {
            "bikes": {
                "runners": RUNNERS,
                "volumes": dict.fromkeys(("dev", "prod"), "main.bikes.files"),
                "sources": {"dev": ["main.bikes.*"], "prod": ["main.bikes.*"]},
                "endpoints": {"prod": ["bikes-*"]},
                "audiences": {"azure": {"recipients": [{"workspace": "prod"}]}},
                "roles": {role: [ALICE] for role in ("publisher", "deployer", "invoker")},
            }
        },
    }


def causeway_check(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", *arguments])


def run_script(script: str, **environment: str) -> str:
    known = {**os.environ, **environment}
    done = subprocess.run(["bash"], input=script, env=known, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_printed_commands_alone_take_a_fresh_workspace_from_red_to_green(
    fresh: Sandbox, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh.call("dev", "PATCH", "/__sandbox/settings", json={"external_sharing": False})
    assert causeway_check("--admin").exit_code == 1
    before = {name: reports.make_for_operator(name, f"{name.upper()}_TOKEN").checks for name in ("dev", "prod")}
    for name, checks in before.items():
        found = {one.name: one.state for one in checks if one.state in {"RED", "WARNING"}}
        assert {right.name for right in RIGHTS if right.role in {"both", _part(name)}} <= set(found)
        assert {right.name for right in RIGHTS if found.get(right.name) == "WARNING"} <= {"control-copies"}
        assert {"workspace-answers", "control-may-enter", "control-starts-jobs", "runner-is-known"} <= set(found)
    _names_the_switch_that_only_an_account_admin_has(before["dev"])
    # Control itself, which nobody knows yet, is told nothing at all; the commands are the same.
    unseen = [reports.make_for_operator(name, None) for name in ("dev", "prod")]
    states = {one.state for report in unseen for one in report.checks if one.name not in NEVER_RED}
    assert states == {"RED", "UNKNOWN"}

    script = causeway_check("--admin", "--commands")

    assert script.exit_code == 0
    assert all(fresh.workspaces[name]["token"] not in script.output for name in ("dev", "prod"))
    run_script(script.output)
    for line in (desk / "causeway.env").read_text().splitlines():
        monkeypatch.setenv(*line.split("=", 1))
    after = causeway_check("--admin")
    assert after.exit_code == 0, after.output
    run_script(reports.make_script(unseen))  # of all that could not be seen: nothing is made twice, nothing fails
    assert {one.state for name in ("dev", "prod") for one in _look_as_admin(name)} == {"GREEN"}
    assert "curl" not in causeway_check("--admin", "--commands").output
    assert not [one for name in ("dev", "prod") for one in reports.make_for_operator(name, None).checks if _is_red(one)]
    _publish_for_a_metastore_that_has_a_recipient_already(fresh, desk)


def _names_the_switch_that_only_an_account_admin_has(checks: list[Check]) -> None:
    """Complaint 10: elsewhere it is learnt from the first share that fails."""
    told = next(one for one in checks if one.name == "external-sharing")
    assert told.state == "RED"
    assert told.seen == "delta_sharing_scope is INTERNAL: nothing reaches prod"
    assert "account admin" in told.needed


def _publish_for_a_metastore_that_has_a_recipient_already(sandbox: Sandbox, desk: Path) -> None:
    """Complaint 10: a metastore has one recipient, by whatever name; whoever makes it by its own stands still."""
    identifier = sandbox.workspaces["prod"]["global_metastore_id"]
    body = {"name": "by_hand", "authentication_type": "DATABRICKS", "data_recipient_global_metastore_id": identifier}
    sandbox.call("dev", "POST", "/api/2.1/unity-catalog/recipients", json=body).raise_for_status()
    version = make_version(sandbox, "main.bikes.demand")
    secrets = {name: os.environ[name] for name in ("DEV_CONTROL_SECRET", "PROD_CONTROL_SECRET")}
    service = Service(desk / "service", yaml.safe_load((desk / "causeway.yaml").read_text()), secrets)
    try:
        wanted = {"project": "bikes", "workspace": "dev", "audience": "azure", "model": "main.bikes.demand"}
        plan = service.client(ALICE).post("/v1/publications:plan", json={**wanted, "version": version})
        assert plan.status_code == 200, plan.text
        assert "by_hand" in plan.text
    finally:
        service.stop()


@shared_world
def test_a_person_as_control_is_told_what_ends_when_this_person_leaves(world: TwoWorkspaces, tmp_path: Path) -> None:
    """Complaint 11: elsewhere it works until then."""
    configured = world.make_configuration()
    token = world.sandbox.workspaces["dev"]["token"]
    (tmp_path / "token").write_text(token)
    configured["workspaces"]["dev"]["auth"] = {"type": "pat", "token": {"file": str(tmp_path / "token")}}
    path = tmp_path / "causeway.yaml"
    path.write_text(yaml.safe_dump(configured))
    configuration.use(path)

    found = {one.name: one for one in reports.make_for_operator("dev", None).checks if one.subject == "control"}

    assert found["control-is-no-person"].state == "WARNING"
    assert "When this person leaves, endpoints can no longer be changed" in found["control-is-no-person"].seen
    mends = found["control-is-no-person"].commands
    run_script("\n".join([f"DEV_HOST={world.sandbox.workspaces['dev']['host']}", *mends]), DEV_TOKEN=token)
    names = [one.display_name for one in world.sandbox.client("dev").service_principals.list()]
    assert names.count("causeway-control") == 1
    assert found["control-is-no-admin"].state == "RED"
    assert "is a workspace admin and is a metastore admin" in found["control-is-no-admin"].seen


@shared_world
def test_a_caller_sees_its_own_projects_part_and_an_admin_all_of_it(world: TwoWorkspaces) -> None:
    def check(who: str, workspace: str = "dev", **body: Any) -> Any:
        return world.service.client(who).post(f"/v1/workspaces/{workspace}:check", json=body)

    runner = world.grants["DEV_RUNNER_trains"]
    world.sandbox.grant("dev", "catalog", "causeway_shareable", runner, "USE_CATALOG", "CREATE_SCHEMA")
    try:
        ours, theirs, all_of_it = (check(who).json() for who in (ALICE, BOB, ADMIN))
    finally:
        takes = {"changes": [{"principal": runner, "remove": ["CREATE_SCHEMA"]}]}
        world.sandbox.call("dev", "PATCH", "/api/2.1/unity-catalog/permissions/catalog/causeway_shareable", json=takes)

    assert (ours["projects"], theirs["projects"], all_of_it["projects"]) == (["bikes"], ["trains"], ["bikes", "trains"])
    assert (ours["roles"], ours["state"]) == (["provider"], "RED")
    assert runner not in str(ours)
    assert "what is another project's to see" in str(ours)
    assert f"{runner}: CREATE_SCHEMA on causeway_shareable" in str(all_of_it)
    assert world.grants["DEV_RUNNER_bikes"] not in str(theirs)
    planted = next(one for one in theirs["checks"] if one["name"] == "runner-makes-no-copies")
    assert (planted["state"], planted["project"]) == ("RED", "trains")
    assert "CREATE_SCHEMA" in planted["seen"]
    assert '"remove": ["CREATE_SCHEMA"]' in planted["command"]
    assert {one["name"] for one in all_of_it["checks"]} == {one["name"] for one in ours["checks"]}

    rights = {right.name for right in RIGHTS if right.holder == "control" and right.role != CONSUMER}
    assert {one["name"]: one["state"] for one in ours["checks"] if one["name"] in rights} == dict.fromkeys(
        rights, "GREEN"
    )
    before = len(_list_paths(world))
    asked = check(ALICE, project="bikes", roles=["provider"]).json()
    assert asked["projects"] == ["bikes"]
    assert len(set(_list_paths(world)[before:])) < len(asked["checks"])
    problem(check(ALICE, project="trains"), 404, "project-not-found")
    problem(check(ALICE, "prod", roles=["provider"]), 422, "workspace-role-mismatch")
    problem(check(BOB, "island"), 404, "workspace-not-found")
    problem(check(ALICE, roles=["admin"]), 422, "request-invalid")


@shared_world
def test_what_one_question_is_refused_leaves_the_answers_to_the_others(faults: TwoWorkspaces) -> None:
    world = faults
    refused: dict[str, Any] = {"kind": "refuse", "status": 403, "error_code": "PERMISSION_DENIED", "method": "GET"}
    refused["times"] = 100  # what the service asks by itself is refused, too
    world.fault("prod", **refused, path="/api/2.1/unity-catalog/effective-permissions/metastore/*")
    world.fault("prod", **refused, path="/api/2.0/serving-endpoints")
    answer = world.alice.post("/v1/workspaces/prod:check", json={}).json()

    states = {one["name"]: one["state"] for one in answer["checks"]}
    assert states["control-finds-providers"] == "UNKNOWN"
    assert states["serving"] == "RED"
    assert states["control-volume"] == states["control-starts-jobs"] == states["clock"] == "GREEN"

    missing = {"status": 404, "error_code": "METASTORE_DOES_NOT_EXIST", "message": "no metastore assigned"}
    world.fault("prod", **{**refused, **missing}, path="/api/2.1/unity-catalog/metastore_summary")
    detached = {one["name"]: one for one in world.alice.post("/v1/workspaces/prod:check", json={}).json()["checks"]}
    assert detached["unity-catalog"]["state"] == "RED", detached["unity-catalog"]
    assert "no metastore assigned" in detached["unity-catalog"]["seen"]
    assert "/metastore" in detached["unity-catalog"]["command"]

    island = world.alice.post("/v1/workspaces/island:check", json={}).json()
    assert (island["state"], island["checks"][0]["name"]) == ("RED", "workspace-answers")
    assert {one["state"] for one in island["checks"][1:]} <= {"UNKNOWN", "GREEN"}


def _list_paths(world: TwoWorkspaces) -> list[str]:
    """What dev was asked for, once a page: here each list begins with an empty one."""
    answer = world.sandbox.call("dev", "GET", "/__sandbox/requests", params={"workspace": "dev"})
    return [one["path"] for one in answer.json()["requests"]]


def _part(workspace: str) -> str:
    return {"dev": "provider", "prod": "consumer"}[workspace]


def _look_as_admin(workspace: str) -> list[Check]:
    return reports.make_for_operator(workspace, f"{workspace.upper()}_TOKEN").checks


def _is_red(check: Check) -> bool:
    return check.state == "RED"
