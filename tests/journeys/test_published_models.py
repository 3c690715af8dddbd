"""What was published in dev scores and serves in prod as the same bytes; other bytes are refused unloaded."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.journeys.conftest import Models
from tests.sandbox.running import unique
from tests.two_workspaces import BOB, TwoWorkspaces, control, failed, make_version, problem

pytestmark = pytest.mark.xdist_group("serving")
TOLERANCE = 1e-9


Published = tuple[dict[str, Any], dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def published(world: TwoWorkspaces) -> Published:
    """One for the tests that leave it as it is."""
    return publish(world)


def publish(world: TwoWorkspaces) -> Published:
    """A model of dev, published and accepted: the publication, what prod says of it, and what it predicts for a row."""
    last = unique("demand")
    script = Path(__file__).with_name("log_models.py")
    told = world.sandbox.run_script(script, "dev", "main.bikes", "/Shared/published-tests", last)
    publication = world.record(world.publish(f"main.bikes.{last}", 1, audience="second"))
    acceptance = world.record(world.accept(audience="second"))
    body = {"project": "bikes", "workspace": "prod", "model": f"{acceptance['catalog']}.bikes.{last}", "version": 1}
    return publication, body, json.loads(told.splitlines()[-1])


def test_complaint_13_trained_here_different_there(world: TwoWorkspaces, models: Models, published: Published) -> None:
    """Elsewhere: "Detected one or more mismatches between the model's dependencies and the current Python environment",
    which is a warning, and the model runs on. Here it runs in the versions that it was published with, or not at all.
    """
    publication, body, told = published
    bill = world.alice.get(f"/v1/publications/{publication['id']}/sbom").json()
    pins = {library["name"]: library["version"] for library in bill["components"]}
    assert {"mlflow", "scikit-learn", "pandas"} <= pins.keys()

    run = world.record(world.post("scoring-runs", {**body, "rows": [told["row"]]}))
    unmet = world.post("scoring-runs", models.body("unbuildable", rows=[told["row"]]))

    assert {name: run["outcome"]["versions"][name] for name in pins} == pins
    assert run["outcome"]["versions"]["python"].startswith("3.")
    ended = failed(world.end(unmet), "job-failed")
    assert "No matching distribution found for no-such-package-anywhere==1.0" in ended["job_error"]


def test_one_digest_goes_from_the_publication_to_scoring_and_serving_and_their_answers_are_equal(
    world: TwoWorkspaces, published: Published, tmp_path: Path
) -> None:
    publication, body, told = published
    run = world.record(world.post("scoring-runs", {**body, "rows": [told["row"]]}))
    endpoint = unique("bikes-p")
    again, queued = withdraw_in_line(world, publication)
    deployment = world.record(world.post("deployments", {**body, "endpoint": endpoint}))
    world.sandbox.call("dev", "DELETE", "/__sandbox/faults").raise_for_status()
    beside = world.record(again)
    # Nobody served it when that was accepted.
    assert failed(world.end(queued), "publication-in-use")["endpoints"] == [f"prod/{endpoint}"]

    assert publication["digest"].startswith("sha256:")
    assert run["outcome"]["digest"] == deployment["outcome"]["digest"] == publication["digest"]
    verified = deployment["outcome"]["verified"]
    assert (verified["digest"], verified["files"]) == (publication["digest"], len(publication["files"]))
    verify_as_a_stranger(world, publication, body, tmp_path)
    verify_after_a_change_of_the_key(world, publication, {**body, "rows": [told["row"]]}, tmp_path)
    path = f"/v1/workspaces/prod/serving-endpoints/{endpoint}/invocations"
    served = world.alice.post(path, json={"dataframe_records": [told["row"]]}).json()["predictions"]
    scored = world.alice.get(f"/v1/scoring-runs/{run['id']}/predictions").json()["items"]
    assert served == pytest.approx(scored, rel=TOLERANCE)
    assert scored == pytest.approx(told["predicted"]["1"], rel=TOLERANCE)
    withdraw_all(world, publication, beside, endpoint, body["model"])


def withdraw_in_line(world: TwoWorkspaces, publication: dict[str, Any]) -> tuple[httpx.Response, httpx.Response]:
    """The version published once more, until the faults are taken away, and a withdrawal that waits for that."""
    world.fault("dev", kind="throttle", path="*/jobs/runs/submit", times=1000, retry_after=1)
    again = world.publish(publication["source"]["model"], 1, audience="second")
    world.wait_for_step(again, "start the copy job")
    return again, world.delete(f"publications/{publication['id']}?on_conflict=queue")


def withdraw_all(
    world: TwoWorkspaces, publication: dict[str, Any], beside: dict[str, Any], endpoint: str, seen: str
) -> None:
    """Whoever withdraws what an endpoint serves is told so first, and after it; all versions go at once."""
    model, path = publication["source"]["model"], f"publications/{publication['id']}"
    other = world.record(world.publish(model, 2, audience="second"))
    declared, strange = show_by_hand(world, publication["share"])
    alone = world.alice.get(f"/v1/{path}/impact").json()
    impact = world.alice.get(f"/v1/{path}/impact", params={"versions": "all"}).json()
    assert (alone["published_versions"], alone["publications"], alone["in_use"]) == ([1], [beside["id"]], True)
    assert (impact["published_versions"], impact["publications"]) == ([1, 2], [beside["id"], other["id"]])
    served = {"served_entity": impact["endpoints"][0]["served_entity"], "model": seen, "version": "1", "traffic": 100}
    assert impact["endpoints"] == [{"workspace": "prod", "name": endpoint, **served}]
    assert seen.partition(".")[0] in [one["catalog"] for one in impact["acceptances"]]

    # A catalog that nobody accepted shows it, too; one whose name is another project's is counted.
    assert impact["catalogs"] == [{"workspace": "prod", "catalog": declared}]
    assert (impact["other_catalogs"], strange in str(impact)) == (1, False)

    refused = problem(world.delete(path), 409, "publication-in-use")
    assert refused["endpoints"] == [f"prod/{endpoint}"]
    problem(world.delete(f"{path}?force=true&plan_digest=sha256:other"), 409, "plan-stale")
    problem(world.service.client(BOB).get(f"/v1/{path}/impact"), 404, "record-not-found")
    digest = impact["plan"]["digest"]
    ended = world.end(world.delete(f"{path}?versions=all&force=true&plan_digest={digest}"))

    gone = next(step for step in ended["steps"] if step["name"] == "delete the copy")
    assert endpoint in gone["text"]
    states = [world.alice.get(f"/v1/publications/{one['id']}").json()["state"] for one in (publication, other)]
    assert states == ["WITHDRAWN", "WITHDRAWN"]
    share = world.alice.get(f"/v1/workspaces/dev/shares/{publication['share']}").json()
    assert publication["published"]["model"] not in [entry["name"] for entry in share["objects"]]
    assert world.alice.get(f"/v1/{path}/impact").json()["in_use"] is False
    for catalog in (declared, strange):
        world.sandbox.client("prod").catalogs.delete(catalog, force=True)


def show_by_hand(world: TwoWorkspaces, share: str) -> tuple[str, str]:
    """Two catalogs that an admin of prod made from the share, which Causeway may see: one in the project's names."""
    admin, made = world.sandbox.client("prod"), (unique("shared_bikes_by_hand"), unique("theirs"))
    provider = next(
        one.name for one in admin.providers.list() if share in str(list(admin.providers.list_shares(one.name)))
    )
    for name in made:
        admin.catalogs.create(name, provider_name=provider, share_name=share)
        world.sandbox.grant("prod", "catalog", name, world.grants["PROD_CONTROL_ID"], "USE_CATALOG")
    return made


def test_a_copy_that_the_consumer_owns_outlives_withdrawal_and_giving_back_and_scores_the_same(
    world: TwoWorkspaces, published: Published
) -> None:
    publication, body, told = published
    model = publication["source"]["model"]
    kept = world.record(world.publish(model, 1, audience="kept"))

    # Somebody else's, among the vetted copies.
    planted = make_version(world.sandbox, kept["published"]["model"])
    seen = f"{world.record(world.accept(audience='kept'))['catalog']}.{kept['shared_as']}"
    world.eventually(lambda: planted in [one.version for one in control(world, "prod").model_versions.list(seen)])

    ended = world.end(world.accept(audience="kept", copy=True))
    (looked,) = [one["text"] for one in ended["steps"] if one["name"] == "list what is visible"]
    assert looked.endswith(f": {seen} version {planted}")
    accepted = world.alice.get(ended["resource"]["url"]).json()
    world.record(world.delete(f"publications/{kept['id']}"))
    world.record(world.delete(f"acceptances/{accepted['id']}"))

    (copy,) = world.alice.get(f"/v1/acceptances/{accepted['id']}").json()["copies"]
    assert world.alice.get(f"/v1/acceptances/{accepted['id']}/impact").json()["copies"] == [copy["owned"]]
    assert copy["owned"] == {"model": model, "version": 1}
    assert copy["digest"] == copy["published_digest"] == kept["digest"]
    assert (copy["publication_id"], copy["provider_aliases"], copy["reused"]) == (kept["id"], [], False)
    run = world.record(world.post("scoring-runs", {**body, **copy["owned"], "rows": [told["row"]]}))
    assert run["outcome"]["digest"] == kept["digest"]
    scored = world.alice.get(f"/v1/scoring-runs/{run['id']}/predictions").json()["items"]
    assert scored == pytest.approx(told["predicted"]["1"], rel=TOLERANCE)
    control(world, "prod").registered_models.set_alias(model, "staging", 1)
    assert world.alice.get(f"/v1/workspaces/prod/models/{model}").json()["aliases"] == {"staging": 1}


def test_a_byte_that_was_changed_in_the_store_is_named_before_anything_scores_or_serves_it(
    world: TwoWorkspaces,
) -> None:
    publication, body, told = publish(world)
    endpoint = unique("bikes-p")
    changed = change_copy(world, publication)

    scoring = world.post("scoring-runs", {**body, "rows": [told["row"]]})
    deploying = world.post("deployments", {**body, "endpoint": endpoint})

    for accepted in (scoring, deploying):
        ended = failed(world.end(accepted), "digest-mismatch")
        assert ended["expected"] == publication["digest"] != ended["digest"]
        assert ended["files"] == [changed]
        assert changed["path"] in ended["detail"]
        record = world.alice.get(accepted.json()["resource"]["url"]).json()
        assert (record["state"], record["outcome"]) == ("FAILED", {})
    assert world.effects("endpoint-created", name=endpoint) == []


def verify_as_a_stranger(world: TwoWorkspaces, publication: dict[str, Any], body: dict[str, Any], folder: Path) -> None:
    """Download the version in prod, and have the format's own program hold it to the signature that the API gives."""
    for file in publication["files"]:
        path = f"/Models/{body['model'].replace('.', '/')}/{body['version']}/{file['path']}"
        content = world.sandbox.call("prod", "GET", f"/api/2.0/fs/files{path}").content
        (folder / "model" / file["path"]).parent.mkdir(parents=True, exist_ok=True)
        (folder / "model" / file["path"]).write_bytes(content)
    signature = world.alice.get(f"/v1/publications/{publication['id']}/signature").json()
    assert (publication["signed"], signature["digest"]) == (True, publication["digest"])
    (folder / "model.sig").write_text(json.dumps(signature["bundle"]))
    (folder / "key.pub").write_text(signature["public_key"])
    named = ["--signature", str(folder / "model.sig"), "--public_key", str(folder / "key.pub")]
    program = [sys.executable, "-m", "model_signing", "verify", "key", *named, str(folder / "model")]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "Verification succeeded"), done.stdout + done.stderr


def verify_after_a_change_of_the_key(
    world: TwoWorkspaces, publication: dict[str, Any], asked: dict[str, Any], folder: Path
) -> None:
    """What the old key signed is believed as long as its public key is kept, and no longer."""
    signature = world.alice.get(f"/v1/publications/{publication['id']}/signature").json()
    key = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "new.pem").write_bytes(key)
    changed = {**world.make_configuration(), "signing_key": {"file": str(folder / "new.pem")}}
    try:
        world.service.configure(changed)
        refused = world.alice.post("/v1/scoring-runs:plan", json=asked)
        world.service.configure({**changed, "trusted_keys": [signature["public_key"]]})
        allowed = world.alice.post("/v1/scoring-runs:plan", json=asked)
    finally:
        world.service.configure(world.make_configuration())
    assert signature["key_hint"] in problem(refused, 409, "signature-invalid")["detail"]
    assert f"signed with key {signature['key_hint']}" in allowed.text


def change_copy(world: TwoWorkspaces, publication: dict[str, Any]) -> dict[str, Any]:
    """Turn a byte of the copy around behind the platform's back, as nobody can over its API; says which."""
    promised = {file["path"]: file["sha256"] for file in publication["files"]}
    same = [
        path
        for path in (world.sandbox.folder / "files").glob("*/models/*/*/MLmodel")
        if hashlib.sha256(path.read_bytes()).hexdigest() == promised["MLmodel"]
    ]
    # The source came first, and keeps its bytes.
    copy = max(same, key=lambda path: path.stat().st_ctime).with_name("model.pkl")
    assert len(same) == 2
    content = bytearray(copy.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    found = hashlib.sha256(content).hexdigest()
    return {"path": "model.pkl", "expected": promised["model.pkl"], "found": found}
