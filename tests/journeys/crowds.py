"""Many of a kind, cheaply: a share with hundreds of models, a model with dozens of versions, and what is asked then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from databricks.sdk.service.sharing import SharedDataObject, SharedDataObjectDataObjectType, SharedDataObjectUpdate
from databricks.sdk.service.sharing import SharedDataObjectUpdateAction as Action

from app.store import connection
from app.store.database import transaction
from app.store.publications import Publication
from tests.two_workspaces import TwoWorkspaces

REGISTRY = "/api/2.0/mlflow/unity-catalog"
MOST_UPDATES = 100


@dataclass
class Asked:
    """What Causeway asked of the workspaces in a while, and how long that was."""

    calls: list[str] = field(default_factory=list)
    seconds: float = 0.0


@contextmanager
def counting(world: TwoWorkspaces) -> Iterator[Asked]:
    """The calls of control that come in before the block is left; for a world that is asked nothing else meanwhile."""
    control = {world.grants["DEV_CONTROL_ID"], world.grants["PROD_CONTROL_ID"]}
    asked, began, started = Asked(), time.time() * 1000, time.perf_counter()
    yield asked
    asked.seconds = time.perf_counter() - started
    seen = world.sandbox.call("dev", "GET", "/__sandbox/requests", params={"path": "/api/*"}).json()["requests"]
    asked.calls = [
        f"{one['method']} {one['path']}" for one in seen if one["at"] >= began and one["principal"] in control
    ]


def make_versions(world: TwoWorkspaces, model: str, count: int, *, token: str | None = None) -> None:
    """Versions without files, each by the two calls that it takes."""
    call = world.sandbox.call
    call("dev", "POST", f"{REGISTRY}/registered-models/create", token=token, json={"name": model})
    for _ in range(count):
        asked = {"name": model, "source": "dbfs:/x"}
        made = call("dev", "POST", f"{REGISTRY}/model-versions/create", token=token, json=asked).json()["model_version"]
        known = {"name": model, "version": made["version"]}
        ready = call("dev", "POST", f"{REGISTRY}/model-versions/finalize", token=token, json=known)
        assert ready.status_code == 200, ready.text


def crowd(world: TwoWorkspaces, audience: str, count: int) -> None:
    """As many models more in the audience's share, each published once as far as Causeway's records know."""
    identity = {"client_id": world.grants["DEV_CONTROL_ID"], "client_secret": world.grants["DEV_CONTROL_SECRET"]}
    control = world.sandbox.client("dev", auth_type="oauth-m2m", **identity)
    token = control.config.authenticate()["Authorization"].removeprefix("Bearer ")
    share = f"causeway_bikes_{audience}"
    names = [f"crowd{number:04}" for number in range(count)]
    for name in names:
        make_versions(world, f"causeway_shareable.{share}.{name}", 1, token=token)
    for first in range(0, count, MOST_UPDATES):
        control.shares.update(share, updates=[_add(share, name) for name in names[first : first + MOST_UPDATES]])
    connection.connect(world.service.database_url)
    try:
        with transaction() as session:
            session.add_all(_promise(share, audience, name) for name in names)
    finally:
        connection.disconnect()


def _add(share: str, name: str) -> SharedDataObjectUpdate:
    kind, place = SharedDataObjectDataObjectType.MODEL, f"causeway_shareable.{share}.{name}"
    added = SharedDataObject(place, data_object_type=kind, string_shared_as=f"bikes.{name}")
    return SharedDataObjectUpdate(action=Action.ADD, data_object=added)


def _promise(share: str, audience: str, name: str) -> Publication:
    tag = f"{audience}_{name}"
    place: dict[str, Any] = {"workspace": "dev", "model": f"main.bikes.{name}", "version": 1, "audience": audience}
    copy: dict[str, Any] = {"published_model": f"causeway_shareable.{share}.{name}", "published_version": 1}
    made: dict[str, Any] = {
        "id": f"pub_{tag}",
        "operation_id": f"op_{tag}",
        "created_by": "operator:tests",
        "project": "bikes",
    }
    outcome = {"shared_as": f"bikes.{name}"}
    return Publication(**made, **place, **copy, share=share, state="ACTIVE", digest="sha256:0", outcome=outcome)
