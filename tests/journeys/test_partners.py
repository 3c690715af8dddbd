"""A partner whose workspaces are not run from here: accepted by its sharing identifier, as the project declares it."""

from typing import Any

import pytest

from tests.journeys.partners import share_models
from tests.journeys.test_live_views import calls
from tests.two_workspaces import BOB, PARTNER, TwoWorkspaces, problem

TAG = "/api/2.0/mlflow/unity-catalog/registered-models/set-tag"
pytestmark = pytest.mark.xdist_group("sharing")


def of_acme(world: TwoWorkspaces, share: str = "acme_forecasts", **fields: Any) -> dict[str, Any]:
    provider = {"sharing_identifier": world.identifier("dev")}
    return {"project": "bikes", "workspace": "prod", "provider": provider, "share": share, **fields}


def test_what_is_received_is_listed_with_aliases_and_tags_in_a_call_however_much_it_is(world: TwoWorkspaces) -> None:
    models, admin = [world.model() for _ in range(5)], world.sandbox.client("dev")
    for model in models:
        world.version(model)
        world.sandbox.call("dev", "POST", TAG, json={"name": model, "key": "season", "value": "summer"})
    admin.registered_models.set_alias(models[0], "champion", 1)
    share_models(world, "acme_later", *models)
    share_models(world, "acme_secrets", models[0])
    providers = {
        one["sharing_identifier"]: one for one in world.alice.get("/v1/workspaces/prod/providers").json()["items"]
    }
    path = f"/v1/workspaces/prod/providers/{providers[world.identifier('dev')]['name']}/shares"
    world.eventually(lambda: world.alice.get(f"{path}/acme_later").status_code == 200)

    before = calls(world, "prod")
    share = world.alice.get(f"{path}/acme_later").json()
    asked = calls(world, "prod") - before
    shares = {one["name"]: one for one in world.alice.get(path, params={"page_size": 200}).json()["items"]}

    assert (share["projects"], share["sharing_identifier"]) == (["bikes"], world.identifier("dev"))
    assert {one["kind"] for one in share["assets"]} == {"model"}
    names = [f"forecasts.{model.rpartition('.')[2]}" for model in models]
    told = {one["name"]: (one["aliases"], one["tags"]) for one in share["assets"]}
    assert told == {name: ({"champion": 1} if name == names[0] else {}, {"season": "summer"}) for name in names}
    assert asked == 2
    assert shares["acme_later"]["projects"] == ["bikes"]
    assert "acme_secrets" not in shares
    bob = world.service.client(BOB)
    assert "acme_later" not in [one["name"] for one in bob.get(path).json()["items"]]
    problem(bob.get(f"{path}/acme_later"), 403, "not-in-project")
    problem(world.alice.get(f"{path}/acme_secrets"), 403, "not-in-project")
    problem(world.alice.get("/v1/workspaces/prod/providers/nobody/shares"), 404, "provider-not-found")
    problem(world.alice.get("/v1/workspaces/prod/providers/nobody/shares/acme_later"), 404, "provider-not-found")


def test_a_partners_share_is_accepted_by_its_sharing_identifier_alone(world: TwoWorkspaces) -> None:
    model = world.model()
    world.version(model)
    share_models(world, "acme_forecasts", model)
    catalog, last = "causeway_bikes_acme_acme_forecasts", model.rpartition(".")[2]

    plan = world.alice.post("/v1/acceptances:plan", json=of_acme(world)).json()
    record = world.record(world.post("acceptances", of_acme(world, plan_digest=plan["digest"])))

    assert {"name": "partner is declared", "found": f"{world.identifier('dev')} for prod"} in plan["checks"]
    provider = record["provider"]
    assert (provider["workspace"], provider["sharing_identifier"]) == (None, world.identifier("dev"))
    assert (record["audience"], record["share"], record["catalog"]) == (None, "acme_forecasts", catalog)
    assert [(one["model"], one["versions"][0]["state"]) for one in record["models"]] == [
        (f"{catalog}.forecasts.{last}", "READY")
    ]
    assert world.alice.get(f"/v1/workspaces/prod/models/{catalog}.forecasts.{last}/versions/1").status_code == 200
    bob = world.service.client(BOB)
    problem(bob.get(f"/v1/acceptances/{record['id']}"), 404, "record-not-found")
    problem(bob.get(f"/v1/workspaces/prod/models/{catalog}.forecasts.{last}"), 403, "not-in-project")
    assert world.record(world.delete(f"acceptances/{record['id']}"))["state"] == "GIVEN_BACK"


def test_of_a_partner_only_what_the_project_declares_is_taken(world: TwoWorkspaces) -> None:
    effects = len(world.sandbox.effects())

    for share in ("causeway_trains_azure", "acme_secrets", "ACME_FORECASTS"):
        found = problem(world.post("acceptances", of_acme(world, share)), 403, "not-in-project")
        assert found["name"] == f"{world.identifier('dev')}/{share}"
    problem(world.post("acceptances", of_acme(world, provider={"sharing_identifier": PARTNER})), 403, "not-in-project")
    problem(world.post("acceptances", of_acme(world, workspace="lab")), 403, "not-in-project")
    problem(world.post("acceptances", of_acme(world, catalog="shared_trains")), 403, "not-in-project")
    bob = world.service.client(BOB)
    problem(world.post("acceptances", of_acme(world, project="trains"), client=bob), 403, "not-in-project")
    both = {"workspace": "dev", "sharing_identifier": world.identifier("dev")}
    wrong: list[dict[str, Any]] = [{"provider": both}, {"provider": {}}, {"provider": {"workspace": "dev"}}]
    for mixed in [*wrong, {"audience": "azure"}]:
        problem(world.post("acceptances", of_acme(world, **mixed)), 422, "request-invalid")

    assert len(world.sandbox.effects()) == effects
