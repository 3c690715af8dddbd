"""The inventory as a portal reads it: what a look at the workspaces found, whom it is shown to, and what it asked."""

import re
import time
from collections import Counter
from typing import Any

import pytest
import yaml

from app import configuration
from app.domain import inventory
from app.store import connection
from app.store import inventory as store
from app.store.database import transaction
from app.store.inventory import InventorySnapshot
from tests.journeys.arrangements import arrange
from tests.journeys.conftest import Models
from tests.journeys.endpoints import name as endpoint_name
from tests.two_workspaces import BOB, NOWHERE, TwoWorkspaces, control

pytestmark = pytest.mark.xdist_group("serving")


@pytest.fixture
def look(world: TwoWorkspaces, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Looks at a workspace as a worker of the world's service does, in this process; answers what it asked."""
    for variable, secret in world.secrets.items():
        monkeypatch.setenv(variable, secret)
    configuration.use(world.service.configuration_path)
    connection.connect(world.service.database_url)

    def refresh(workspace: str) -> list[str]:
        store.claim(configuration.current().workspaces, 300)
        began = round(time.time() * 1000)
        inventory.refresh(workspace)
        query = {"workspace": workspace, "path": "/api/*"}
        asked = world.sandbox.call("dev", "GET", "/__sandbox/requests", params=query).json()["requests"]
        return [one["path"] for one in asked if one["at"] >= began]

    yield refresh
    connection.disconnect()


def listed(world: TwoWorkspaces, client: Any = None, **filters: Any) -> list[dict[str, Any]]:
    answer = (client or world.alice).get("/v1/inventory", params={"page_size": 200, **filters})
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def test_a_version_is_found_wherever_it_is_by_digest_alias_and_endpoint(
    world: TwoWorkspaces, models: Models, look: Any
) -> None:
    model, endpoint = world.model(), endpoint_name()
    published = world.record(world.publish(model, [world.version(model) for _ in range(3)][1]))
    accepted = world.record(world.accept())
    world.sandbox.client("dev").registered_models.set_alias(model, "champion", 2)
    world.record(world.post("deployments", models.body(endpoint=endpoint)))
    for workspace in ("dev", "prod"):
        check_calls(look(workspace))

    everywhere = listed(world, digest=published["digest"])
    seen = f"{accepted['catalog']}.{published['shared_as']}"
    places = {(one["workspace"], one["model"], one["version"], one["publication_id"]) for one in everywhere}
    assert places == {
        ("dev", model, 2, published["id"]),
        ("dev", published["published"]["model"], 1, published["id"]),
        ("prod", seen, 1, published["id"]),
    }
    versions = listed(world, model=model.upper())
    assert [(one["version"], one["aliases"]) for one in versions] == [(1, []), (2, ["champion"]), (3, [])]
    assert [one["digest"] for one in versions] == [None, published["digest"], None]
    assert [one["version"] for one in listed(world, model=model, alias="champion")] == [2]
    (served,) = listed(world, endpoint=endpoint)
    assert (served["model"], served["version"], served["state"]) == (f"{models.schema}.demand", 1, "READY")
    assert {"name": endpoint, "served_entity": "demand-v1"} in served["endpoints"]
    assert served["as_of"] > published["created_at"]
    bob = listed(world, world.service.client(BOB))
    assert {one["project"] for one in bob} <= {"trains"}
    assert listed(world, world.service.client(BOB), project="bikes") == []


def test_owned_copies_whole_models_partners_models_and_tables_are_told_for_what_they_are(
    world: TwoWorkspaces, look: Any
) -> None:
    made, dev, both = arrange(world), world.identifier("dev"), (1, 2)
    vetted, whole, by = made.vetted["source"]["model"], made.whole["source"]["model"], (made.accepted["id"], dev)
    control(world, "prod").registered_models.set_alias(vetted, "champion", 1)
    look("dev")
    look("prod")

    digests = {(one["owned"]["model"], one["owned"]["version"]): one["digest"] for one in made.accepted["copies"]}
    id_, digest = made.vetted["id"], made.vetted["digest"]
    assert told(world, "dev", made.vetted["published"]["model"]) == [(1, "vetted-copy", id_, None, None, digest)]
    assert told(world, "prod", made.seen) == [(1, "share", id_, *by, digest)]
    assert told(world, "prod", vetted) == [(1, "owned-copy", id_, *by, digest)]
    assert [one["version"] for one in listed(world, workspace="prod", model=vetted, alias="champion")] == [1]
    id_, proved = made.whole["id"], {1: made.whole["digest"], 2: None}
    assert told(world, "dev", whole) == [(one, None, id_, None, None, proved[one]) for one in both]
    seen_whole = told(world, "prod", f"{made.accepted['catalog']}.{made.whole['shared_as']}")
    assert seen_whole == [(one, "share", id_, *by, proved[one]) for one in both]
    assert told(world, "prod", whole) == [(one, "owned-copy", id_, *by, digests[whole, one]) for one in both]
    (copied,) = made.theirs["copies"]
    theirs = (None, made.theirs["id"], dev)
    assert told(world, "prod", copied["source"]["model"]) == [(1, "share", *theirs, None)]
    assert told(world, "prod", copied["owned"]["model"]) == [(1, "owned-copy", *theirs, copied["digest"])]
    check_tables(world, made.seen, vetted, made.table, f"{made.accepted['catalog']}.{made.table.partition('.')[2]}")
    bob = world.service.client(BOB)
    assert listed(world, bob, table=made.table) == listed(world, bob, digest=digest) == []
    origin = {"workspace": "prod", **copied["owned"], "direction": "upstream"}
    nodes = world.alice.get("/v1/lineage", params=origin).json()["nodes"]
    assert [(one["workspace"], one["name"]) for one in nodes if one["kind"] == "share"] == [(dev, "acme_owned")]


def told(world: TwoWorkspaces, workspace: str, model: str) -> list[tuple[Any, ...]]:
    """What the inventory says of where each version came from."""
    names = ("version", "came_by", "publication_id", "acceptance_id", "provider_identifier", "digest")
    return [tuple(one[name] for name in names) for one in listed(world, workspace=workspace, model=model)]


def check_tables(world: TwoWorkspaces, seen: str, model: str, table: str, table_seen: str) -> None:
    """What a version needs is found beside it, by the name that each workspace has for it."""
    by_source = [(one["workspace"], one["model"]) for one in listed(world, table=table.upper())]
    by_seen = [(one["workspace"], one["model"]) for one in listed(world, table=table_seen)]
    (row,) = listed(world, workspace="prod", model=seen)
    assert by_source == [("dev", model)]
    assert sorted(by_seen) == sorted([("prod", seen), ("prod", model)])
    assert {"kind": "table", "name": table_seen} in row["travels_with"]
    assert [one["kind"] for one in row["travels_with"]] == ["function", "table"]


def check_calls(asked: list[str]) -> None:
    """None of a version, and of a model its versions and its aliases; two where the first page is empty."""
    models = Counter(path for path in asked if re.search(r"/unity-catalog/models/", path))
    assert models
    assert not [path for path in models if re.search(r"/versions/", path)]
    assert {count for path, count in models.items() if not path.endswith("/versions")} == {1}
    assert max(count for path, count in models.items() if path.endswith("/versions")) == 2
    others = Counter(re.sub(r"\?.*", "", path) for path in asked) - models
    schemas = len({path.rpartition("/")[0] for path in models})
    assert sum(others.values()) <= 10 + 6 * schemas, others


def test_a_workspace_that_does_not_answer_keeps_what_was_seen_before(world: TwoWorkspaces, look: Any) -> None:
    model = world.model()
    world.version(model)
    look("dev")
    before = listed(world, model=model)
    gone = world.make_configuration()
    for workspace in gone["workspaces"].values():
        workspace["host"] = NOWHERE
    path = world.service.folder / "gone.yaml"
    path.write_text(yaml.safe_dump(gone))
    configuration.use(path)
    store.hasten(["dev"], 0)

    inventory.take_turns()

    with transaction() as session:
        assert session.get_one(InventorySnapshot, "dev").problem == "workspace-unavailable"
    assert before[0]["as_of"]
    assert listed(world, model=model) == before
