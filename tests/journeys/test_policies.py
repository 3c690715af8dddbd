"""Policy before publishing, through the API: every unmet rule at once, approvals of others, and unsafe code found."""

import hashlib
import html
import os
import pickle
from copy import deepcopy
from typing import Any

import pytest

from tests.journeys.test_contents import held, make_dependent, make_needed
from tests.service_process import wait_for_end
from tests.two_workspaces import ADA, ALICE, BOB, REQUIREMENTS, VIEWER, TwoWorkspaces, failed, problem

pytestmark = pytest.mark.xdist_group("sharing")
VERSIONS = "/api/2.0/mlflow/unity-catalog/model-versions"
PINS = REQUIREMENTS.decode().split()
GOOD = {"team": "bikes", "reviewed": "2026-11-26", "licence": "Apache-2.0"}


class Hostile:
    """Runs a program as it is unpickled."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (os.system, ("true",))


def add_version(world: TwoWorkspaces, model: str, tags: dict[str, str], **files: bytes) -> int:
    """A version with these tags, and these files beside its own (`model_pkl` is `model.pkl`)."""
    version = world.version(model, ready=False)
    for name, content in files.items():
        path = f"/api/2.0/fs/files/Models/{model.replace('.', '/')}/{version}/{name.replace('_', '.')}"
        assert world.sandbox.call("dev", "PUT", path, data=content).status_code == 204
    known = {"name": model, "version": str(version)}
    assert world.sandbox.call("dev", "POST", f"{VERSIONS}/finalize", json=known).status_code == 200
    add_tags(world, model, version, tags)
    return version


def add_tags(world: TwoWorkspaces, model: str, version: int, tags: dict[str, str]) -> None:
    for key, value in tags.items():
        body = {"name": model, "version": str(version), "key": key, "value": value}
        world.sandbox.call("dev", "POST", f"{VERSIONS}/set-tag", json=body).raise_for_status()


def ask(model: str, version: int) -> dict[str, Any]:
    return {"project": "bikes", "workspace": "dev", "audience": "guarded", "model": model, "version": version}


def get_subject(world: TwoWorkspaces, asked: dict[str, Any]) -> str:
    """What the plan says is to be approved."""
    answer = world.alice.post("/v1/publications:plan", json=asked)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["subject_digest"])


def approve(world: TwoWorkspaces, who: str, asked: dict[str, Any], digest: str) -> Any:
    body = {**asked, "action": "publish", "subject_digest": digest}
    return world.service.client(who).post("/v1/approvals", json=body)


def test_a_version_that_breaks_the_policy_is_told_every_rule_at_once(world: TwoWorkspaces) -> None:
    model = world.model()
    version = add_version(world, model, {"team": "trains"})

    for path in ("publications", "publications:plan"):
        found = problem(world.post(path, ask(model, version)), 409, "policy-unmet")
        assert [(one["rule"], one["seen"]) for one in found["unmet"]] == [
            ("tags.reviewed", "missing"),
            ("tags.team", "'trains'"),
            ("licence", "missing"),
        ]
        assert all(one["needed"] for one in found["unmet"])
    assert world.alice.get("/v1/publications", params={"model": model}).json()["items"] == []


def test_only_the_approval_of_somebody_else_for_exactly_this_lets_a_version_out(world: TwoWorkspaces) -> None:
    model = world.model()
    asked, other = ask(model, add_version(world, model, GOOD)), ask(model, add_version(world, model, GOOD))
    # The approver looks at the same plan before approving; it stays the same when somebody has.
    plan = world.service.client(ADA).post("/v1/publications:plan", json=asked).json()
    digest = plan["subject_digest"]
    assert {"policy: approvals", "policy: scan", "policy: licence", "policy: tags.team"} <= {
        check["name"] for check in plan["checks"]
    }
    missing = problem(world.post("publications", asked), 409, "approval-missing")
    assert (missing["subject_digest"], missing["given"], missing["needed"]) == (digest, 0, 1)

    problem(approve(world, VIEWER, asked, digest), 403, "permission-denied")
    problem(approve(world, BOB, asked, digest), 404, "project-not-found")
    problem(approve(world, ADA, other, digest), 409, "subject-changed")
    problem(world.post("publications", asked, client=world.service.client(ADA)), 403, "permission-denied")
    assert approve(world, ALICE, asked, digest).status_code == 201
    problem(world.post("publications", asked), 409, "approval-missing")
    first, again = (approve(world, ADA, asked, digest) for _ in range(2))
    assert (first.status_code, first.json()) == (201, again.json())

    # The files of another version, and so another digest.
    assert problem(world.post("publications", other), 409, "approval-missing")["subject_digest"] != digest
    record = world.record(world.post("publications", {**asked, "plan_digest": plan["digest"]}))
    assert (record["approved_by"], record["subject_digest"]) == ([ADA], digest)
    assert {rule["rule"] for rule in record["policy"]} == {"tags.team", "tags.reviewed", "licence"}
    assert (record["scan"], record["findings"]) == (True, [])
    look_at_what_goes_with_it(world, record, plan)

    listed = {"subject_digest": digest}
    assert {one["principal"] for one in world.alice.get("/v1/approvals", params=listed).json()["items"]} == {ADA, ALICE}
    assert world.service.client(BOB).get("/v1/approvals", params=listed).json()["items"] == []
    events = world.alice.get("/v1/audit-events", params={"principal": ADA}).json()["items"]
    assert [one["details"]["subject_digest"] for one in events if one["action"] == "publish approved"] == [digest]


def test_an_approval_is_of_the_tags_and_the_bytes_that_its_plan_told(world: TwoWorkspaces) -> None:
    model = world.model()
    asked = ask(model, add_version(world, model, GOOD, weights_bin=b"approved"))
    digest = get_subject(world, asked)
    assert approve(world, ADA, asked, digest).status_code == 201
    known = {"name": model, "version": str(asked["version"]), "key": "note"}

    world.sandbox.call("dev", "POST", f"{VERSIONS}/set-tag", json={**known, "value": "surprise"}).raise_for_status()
    tagged = problem(world.post("publications", asked), 409, "approval-missing")["subject_digest"]
    world.sandbox.call("dev", "DELETE", f"{VERSIONS}/delete-tag", json=known).raise_for_status()
    assert get_subject(world, asked) == digest
    [stored] = [
        place
        for place in (world.sandbox.folder / "files").glob("*/models/*/*/weights.bin")
        if place.read_bytes() == b"approved"
    ]
    stored.write_bytes(b"replaced")
    replaced = problem(world.post("publications", asked), 409, "approval-missing")["subject_digest"]

    assert len({digest, tagged, replaced}) == 3
    [kept] = world.alice.get("/v1/approvals", params={"subject_digest": digest}).json()["items"]
    assert kept["subject"]["travels"]["tags"] == GOOD


def test_tables_go_out_with_a_version_where_somebody_else_approved_them_with_it(world: TwoWorkspaces) -> None:
    model, (table, function) = world.model(), make_needed(world)
    alone = ask(model, make_dependent(world, model, table, function))
    add_tags(world, model, alone["version"], GOOD)
    asked = {**alone, "include_dependencies": True}
    problem(world.post("publications", alone), 409, "dependencies-not-shared")
    digest = get_subject(world, asked)

    problem(approve(world, ADA, alone, digest), 409, "subject-changed")
    assert approve(world, ADA, asked, digest).status_code == 201
    record = world.record(world.post("publications", asked))

    assert record["approved_by"] == [ADA]
    assert {table, function} <= held(world, "guarded").keys()
    world.record(world.delete(f"publications/{record['id']}"))


def test_a_publication_that_is_tried_again_is_judged_again(world: TwoWorkspaces, faults: TwoWorkspaces) -> None:
    model = world.model()
    asked = ask(model, add_version(world, model, GOOD))
    assert approve(world, ADA, asked, get_subject(world, asked)).status_code == 201
    faults.fault(method="PATCH", path="/api/2.1/unity-catalog/shares/*", kind="refuse", status=400)
    operation = world.end(world.post("publications", asked))
    failed(operation, "workspace-fault")
    declared = deepcopy(world.make_configuration())
    declared["projects"]["bikes"]["roles"]["approver"].remove(ADA)
    world.service.configure(declared)
    try:
        world.alice.post(operation["retry_url"]).raise_for_status()
        failed(wait_for_end(world.alice, operation["id"]), "approval-missing")
    finally:
        world.service.configure(world.make_configuration())
    add_tags(world, model, asked["version"], {"team": "trains"})
    world.alice.post(operation["retry_url"]).raise_for_status()
    unmet = failed(wait_for_end(world.alice, operation["id"]), "policy-unmet")["unmet"]
    assert [one["rule"] for one in unmet] == ["tags.team"]
    add_tags(world, model, asked["version"], GOOD)
    world.alice.post(operation["retry_url"]).raise_for_status()

    assert wait_for_end(world.alice, operation["id"])["state"] == "SUCCEEDED"
    assert world.alice.get(operation["resource"]["url"]).json()["approved_by"] == [ADA]


def look_at_what_goes_with_it(world: TwoWorkspaces, record: dict[str, Any], plan: dict[str, Any]) -> None:
    """The card in all its forms, the comment, the kept page, and the bill of materials; for nobody else."""
    path = f"/v1/publications/{record['id']}"
    card = world.alice.get(f"{path}/model-card").json()
    assert [one["principal"] for one in card["approvals"]] == [ADA]
    assert (card["licence"], card["digest"], card["requirements"]) == ("Apache-2.0", record["digest"], PINS)
    assert (card["inputs"], card["training"]) == ([{"name": "hr", "type": "double"}], None)
    markdown = world.alice.get(f"{path}/model-card/markdown")
    assert markdown.headers["content-type"].startswith("text/markdown")
    assert "```mermaid" in markdown.text
    page = world.alice.get(f"{path}/model-card/page")
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "data:image/svg+xml" in page.text
    kept = world.sandbox.call("dev", "GET", f"/api/2.0/fs/files{card['kept_at']}").content
    assert hashlib.sha256(kept).hexdigest() == card["kept_sha256"]
    assert ADA in html.unescape(kept.decode())
    copy = f"/v1/workspaces/dev/models/{record['published']['model']}/versions/{record['published']['version']}"
    comment = world.alice.get(copy).json()["comment"]
    assert "Approved by: at least 1 other(s)." in comment
    assert ADA not in comment
    assert plan["travels"]["comment"] == comment

    bill = world.alice.get(f"{path}/sbom").json()
    assert (bill["bomFormat"], bill["metadata"]["component"]["type"]) == ("CycloneDX", "machine-learning-model")
    assert {one["purl"] for one in bill["components"]} == {f"pkg:pypi/{pin.replace('==', '@')}" for pin in PINS}
    assert bill == world.alice.get(f"{path}/sbom").json()

    bob = world.service.client(BOB)
    for part in ("signature", "sbom", "model-card", "model-card/markdown", "model-card/page"):
        problem(bob.get(f"{path}/{part}"), 404, "record-not-found")


def test_a_pickle_that_runs_a_program_is_found_before_anything_of_it_is_copied(world: TwoWorkspaces) -> None:
    model = world.model()
    asked = ask(model, add_version(world, model, GOOD, model_pkl=pickle.dumps(Hostile()), model_dat=b"\x80\x04."))
    digest = world.alice.post("/v1/publications:plan", json=asked).json()["subject_digest"]
    assert approve(world, ADA, asked, digest).status_code == 201

    operation = world.end(world.post("publications", asked))

    found = failed(operation, "policy-unmet")
    assert [one["rule"] for one in found["unmet"]] == ["unsafe-code"]
    record = world.alice.get(operation["resource"]["url"]).json()
    assert record["state"] == "FAILED"
    assert record["findings"] == [{"file": "model.pkl", "imported": "posix.system", "severity": "dangerous"}]
    last = model.rpartition(".")[2]
    problem(world.alice.get(f"/v1/publications/{record['id']}/model-card"), 409, "record-not-active")
    assert world.effects("model-created", name=f"causeway_shareable.causeway_bikes_guarded.{last}") == []
