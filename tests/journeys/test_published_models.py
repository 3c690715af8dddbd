"""What was published in dev scores and serves in prod as the same bytes; other bytes are refused unloaded."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.running import unique
from tests.two_workspaces import TwoWorkspaces, failed

pytestmark = pytest.mark.xdist_group("serving")
TOLERANCE = 1e-9


def publish(world: TwoWorkspaces) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """A model of dev, published and accepted: the publication, what prod says of it, and what it predicts for a row."""
    last = unique("demand")
    script = Path(__file__).with_name("log_models.py")
    told = world.sandbox.run_script(script, "dev", "main.bikes", "/Shared/published-tests", last)
    publication = world.record(world.publish(f"main.bikes.{last}", 1, audience="second"))
    acceptance = world.record(world.accept(audience="second"))
    body = {"project": "bikes", "workspace": "prod", "model": f"{acceptance['catalog']}.bikes.{last}", "version": 1}
    return publication, body, json.loads(told.splitlines()[-1])


def test_one_digest_goes_from_the_publication_to_scoring_and_serving_and_their_answers_are_equal(
    world: TwoWorkspaces,
) -> None:
    publication, body, told = publish(world)
    run = world.record(world.post("scoring-runs", {**body, "rows": [told["row"]]}))
    endpoint = unique("bikes-p")
    deployment = world.record(world.post("deployments", {**body, "endpoint": endpoint}))

    assert publication["digest"].startswith("sha256:")
    assert run["outcome"]["digest"] == deployment["outcome"]["digest"] == publication["digest"]
    verified = deployment["outcome"]["verified"]
    assert (verified["digest"], verified["files"]) == (publication["digest"], len(publication["files"]))
    path = f"/v1/workspaces/prod/serving-endpoints/{endpoint}/invocations"
    served = world.alice.post(path, json={"dataframe_records": [told["row"]]}).json()["predictions"]
    scored = world.alice.get(f"/v1/scoring-runs/{run['id']}/predictions").json()["items"]
    assert served == pytest.approx(scored, rel=TOLERANCE)
    assert scored == pytest.approx(told["predicted"]["1"], rel=TOLERANCE)


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
