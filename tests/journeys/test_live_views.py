"""Live views of workspaces: what is there now, and of it only what the caller's projects declare."""

from typing import Any

import pytest

from tests.two_workspaces import ADMIN, BOB, TwoWorkspaces, problem

pytestmark = pytest.mark.xdist_group("sharing")


def names(world: TwoWorkspaces, path: str, client: Any = None, **params: Any) -> list[str]:
    """The names on every page of a list."""
    found, token = [], None
    while True:
        page = (client or world.alice).get(f"/v1/{path}", params={**params, **({"page_token": token} if token else {})})
        assert page.status_code == 200, page.text
        found += [one["name"] for one in page.json()["items"]]
        token = page.json()["next_page_token"]
        if token is None:
            return found


def calls(world: TwoWorkspaces, workspace: str) -> int:
    """How many requests have reached the workspace."""
    told = world.sandbox.call(
        workspace, "GET", "/__sandbox/requests", params={"workspace": workspace, "path": "/api/*"}
    )
    return int(told.json()["count"])


def test_workspaces_are_shown_with_their_links_and_whether_they_answer(world: TwoWorkspaces) -> None:
    listed = {one["name"]: one for one in world.alice.get("/v1/workspaces").json()["items"]}
    assert (listed["dev"]["links_to"], listed["prod"]["links_from"]) == (["lab", "prod"], ["dev"])
    assert (listed["dev"]["can_publish"], listed["prod"]["can_publish"]) == (True, False)

    dev, island = (world.alice.get(f"/v1/workspaces/{name}").json() for name in ("dev", "island"))

    assert (dev["reachable"], dev["identity"]) == (True, world.grants["DEV_CONTROL_ID"])
    assert dev["metastore"]["sharing_identifier"] == world.sandbox.workspaces["dev"]["global_metastore_id"]
    assert (island["reachable"], island["metastore"]) == (False, None)
    assert island["problem"]["code"] in {"workspace-unavailable", "workspace-circuit-open"}
    problem(world.service.client(BOB).get("/v1/workspaces/island"), 404, "workspace-not-found")


def test_a_list_shows_what_the_callers_projects_declare_and_nothing_else(world: TwoWorkspaces) -> None:
    ours, theirs = world.model(), world.model("trains")
    world.record(world.publish(ours, world.version(ours)))
    world.record(world.accept())
    world.version(theirs)
    bob = world.service.client(BOB)

    assert ours in names(world, "workspaces/dev/models", schema="main.bikes", page_size=2)
    assert theirs in names(world, "workspaces/dev/models", bob, schema="main.trains")
    assert "causeway_bikes_azure" in names(world, "workspaces/dev/shares")
    assert names(world, "workspaces/dev/shares", bob) == []
    assert names(world, "workspaces/prod/providers") == names(world, "workspaces/prod/providers", bob)
    assert "causeway_bikes_azure" in names(world, "workspaces/prod/catalogs")
    assert "main" in names(world, "workspaces/dev/catalogs")
    assert "causeway_bikes_azure" not in names(world, "workspaces/prod/catalogs", bob)
    assert "causeway" not in names(world, "workspaces/dev/catalogs")
    admin = world.service.client(ADMIN)
    assert {ours, theirs} <= {
        *names(world, "workspaces/dev/models", admin, schema="main.bikes"),
        *names(world, "workspaces/dev/models", admin, schema="main.trains"),
    }
    problem(world.alice.get("/v1/workspaces/dev/models", params={"schema": "main.trains"}), 403, "not-in-project")
    problem(world.alice.get("/v1/workspaces/dev/models", params={"schema": "main.nothing"}), 403, "not-in-project")
    problem(world.alice.get(f"/v1/workspaces/dev/models/{theirs}/versions"), 403, "not-in-project")
    problem(world.alice.get("/v1/workspaces/dev/shares/causeway_trains_azure"), 403, "not-in-project")


def test_recipients_and_providers_are_told_by_the_workspace_they_stand_for(world: TwoWorkspaces) -> None:
    model = world.model()
    record = world.record(world.publish(model, world.version(model)))

    found = [one for page in [world.alice.get("/v1/workspaces/dev/recipients").json()] for one in page["items"]]
    recipient = next(one for one in found if one["name"] == record["recipients"][0]["name"])
    assert recipient["workspace"] == "prod"
    assert {"project": "bikes", "audience": "azure"} in recipient["audiences"]
    provider = world.alice.get("/v1/workspaces/prod/providers").json()["items"][0]
    assert provider["provider_workspace"] == "dev"
    assert provider["sharing_identifier"] == world.sandbox.workspaces["dev"]["global_metastore_id"]


def test_complaint_6_aliases_that_exist_never_read_as_an_empty_list(world: TwoWorkspaces) -> None:
    """Fifty versions, three aliases: the list says what each version says, at two calls of the platform a page."""
    model, path = world.model(), "/api/2.0/mlflow/unity-catalog/model-versions"
    versions = range(1, 51)
    world.version(model)
    for version in versions[1:]:
        world.sandbox.call("dev", "POST", f"{path}/create", json={"name": model, "source": "dbfs:/x"})
        world.sandbox.call("dev", "POST", f"{path}/finalize", json={"name": model, "version": str(version)})
    for alias, version in (("prod", 2), ("staging", 45), ("old", 2)):
        world.sandbox.client("dev").registered_models.set_alias(model, alias, version)

    def read(size: int) -> dict[int, list[str]]:
        found, token = dict[int, list[str]](), None
        while True:
            params = {"page_size": size, **({"page_token": token} if token else {})}
            page = world.alice.get(f"/v1/workspaces/dev/models/{model}/versions", params=params).json()
            found |= {one["version"]: one["aliases"] for one in page["items"]}
            token = page["next_page_token"]
            if token is None:
                return found

    before = calls(world, "dev")
    whole = read(200)
    asked = calls(world, "dev") - before

    one_by_one = {
        version: world.alice.get(f"/v1/workspaces/dev/models/{model}/versions/{version}").json()["aliases"]
        for version in versions
    }
    assert read(20) == whole == one_by_one
    assert (whole[2], whole[45], whole[50]) == (["old", "prod"], ["staging"], [])
    # The sandbox begins a list with an empty page, which is a call more.
    assert asked == 2 + 1
    known = world.alice.get(f"/v1/workspaces/dev/models/{model}").json()["aliases"]
    assert known == {"old": 2, "prod": 2, "staging": 45}
    # A list that has not asked for aliases has no field for them.
    listed = world.alice.get("/v1/workspaces/dev/models", params={"schema": "main.bikes", "page_size": 200}).json()
    assert not [one for one in listed["items"] if one.get("aliases") == {}]


def test_a_version_tells_its_signature_and_requirements_and_never_guesses(world: TwoWorkspaces) -> None:
    model, unsigned = world.model(), world.model()
    world.version(model)
    world.version(unsigned, signature=False)

    told = world.alice.get(f"/v1/workspaces/dev/models/{model}/versions/1").json()
    bare = world.alice.get(f"/v1/workspaces/dev/models/{unsigned}/versions/1").json()

    assert told["signature"]["inputs"] == [{"name": "hr", "type": "double", "required": True}]
    assert (told["requirements"][0], told["flavours"]) == ("mlflow==3.17.2", ["python_function"])
    assert (told["metrics"], bare["signature"]) == (None, None)
    problem(world.alice.get(f"/v1/workspaces/dev/models/{model}/versions/8"), 404, "model-version-not-found")
    problem(world.alice.get(f"/v1/workspaces/dev/models/{model}/versions/x"), 422, "request-invalid")
    problem(world.alice.get(f"/v1/workspaces/dev/models/{world.model()}"), 404, "model-not-found")


def test_the_lineage_of_a_version_leads_through_share_and_catalog_to_the_other_workspace(world: TwoWorkspaces) -> None:
    model, other = world.model(), world.model()
    published = world.record(world.publish(model, world.version(model)))
    world.record(world.publish(other, world.version(other)))
    accepted = world.record(world.accept())
    seen = f"{accepted['catalog']}.{published['shared_as']}"

    whole = world.alice.get("/v1/lineage", params={"workspace": "dev", "model": model, "version": 1}).json()
    from_prod = world.alice.get("/v1/lineage", params={"workspace": "prod", "model": seen, "version": 1}).json()

    assert from_prod == whole
    at = {node["id"]: node for node in whole["nodes"]}
    follows = {edge["from_id"]: edge for edge in whole["edges"]}
    place, way = f"model_version:dev:{model}/1", []
    while place in follows:
        way.append((at[place]["kind"], follows[place]["kind"]))
        place = follows[place]["to_id"]
    assert way == [
        ("model_version", "copied_to"),
        ("copy", "shared_in"),
        ("share", "accepted_as"),
        ("catalog", "shows"),
    ]
    assert at[place]["name"] == f"{seen}/1"
    assert at[place]["details"]["digest"] == published["digest"]
    assert other not in str(whole)
    asked: dict[str, str | int] = {"workspace": "prod", "model": seen, "version": 1}
    picture = world.alice.get("/v1/lineage/picture", params=asked)
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/svg+xml")
    assert picture.headers["content-security-policy"] == "default-src 'none'; style-src 'unsafe-inline'"
    assert picture.text.count("<g ") == len(whole["nodes"])
    chart = world.alice.get("/v1/lineage/mermaid", params=asked).text
    assert chart.count("-->") == len(whole["edges"])
    problem(world.alice.get("/v1/lineage/picture", params={"publication": "pub_none"}), 404, "record-not-found")


def test_the_lineage_asks_for_one_thing_to_start_from(world: TwoWorkspaces) -> None:
    problem(world.alice.get("/v1/lineage", params={"workspace": "prod"}), 422, "request-invalid")
    both: dict[str, str | int] = {"workspace": "prod", "model": "main.bikes.x", "version": 1, "endpoint": "bikes-x"}
    problem(world.alice.get("/v1/lineage", params=both), 422, "request-invalid")
    problem(world.alice.get("/v1/lineage", params={"workspace": "prod", "digest": "x"}), 422, "request-invalid")
    problem(world.alice.get("/v1/lineage", params={"digest": "x", "direction": "sideways"}), 422, "request-invalid")
    problem(world.alice.get("/v1/lineage", params={"workspace": "prod", "endpoint": "trains-x"}), 403, "not-in-project")
