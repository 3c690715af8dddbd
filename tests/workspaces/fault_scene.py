"""What the fault table stands on: a model in a share, a catalog made of it, an endpoint; how to call and to cause."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from databricks.sdk.service.catalog import PermissionsChange, Privilege

from app.workspaces import (
    catalogs,
    endpoints,
    external_lineage,
    grants,
    invocations,
    metastores,
    models,
    providers,
    recipients,
    share_assets,
    shares,
)
from app.workspaces.endpoints import ServedEntity
from tests.sandbox.running import unique
from tests.sandbox.sharing import make_table
from tests.workspaces.conftest import Platform
from tests.workspaces.test_endpoints import FILES, until_settled

COMMENT = "made by a test"
EMPTY = {"MLmodel": "flavors: {}"}


@dataclass(frozen=True)
class Scene:
    """`model` is in `share` as bikes.demand, `catalog` of prod is made of it, `endpoint` serves it; `other` and `third`
    are in no share, `hidden` and `hidden_table` are the admin's. `table` may be shared, and so may another of its name
    with `_2`. `withdrawn` is the number of a version that is gone again.
    """

    schema: str
    model: str
    other: str
    third: str
    hidden: str
    share: str
    provider: str
    catalog: str
    shared: str
    endpoint: str
    withdrawn: int
    table: str
    hidden_table: str
    partner: str = "gcp:europe-west1:8ba960af-ef1e-49c2-add9-438009bfd87d"


def prepare(platform: Platform) -> Scene:
    """The scene, made through the functions that the table is about."""
    schema, share, catalog, endpoint = (unique(kind) for kind in ("schema", "share", "catalog", "bikes"))
    catalogs.ensure_schema("dev", "main", schema, comment=COMMENT)
    model, other, third = (f"main.{schema}.{last}" for last in ("demand", "other", "third"))
    for name in (model, other, third):
        platform.register("dev", name, FILES)
    hidden = f"{platform.sandbox.schema('dev')}.m"
    platform.sandbox.version("dev", hidden)
    shares.ensure_share("dev", share, comment=COMMENT)
    shares.ensure_model("dev", share, model, shared_as="bikes.demand")
    consumer = metastores.get_sharing_identifier("prod")
    reader = recipients.ensure_recipient("dev", consumer, name="causeway_prod", comment=COMMENT)
    shares.ensure_reader("dev", share, reader.name)
    provider = providers.get_provider("prod", metastores.get_sharing_identifier("dev")).name
    shared = f"{catalog}.bikes.demand"
    with platform.sandbox.switched(visibility_seconds=0):
        _mount(provider, share, catalog)
        _create(endpoint, shared, "1")
    until_settled(endpoint)
    withdrawn = platform.register("dev", model, EMPTY)
    models.remove_version("dev", model, withdrawn)
    made = (model, other, third, hidden, share, provider, catalog, shared, endpoint, withdrawn)
    return Scene(f"main.{schema}", *made, *_make_tables(platform, f"main.{schema}.t", f"{hidden}_t"))


def _make_tables(platform: Platform, table: str, hidden: str) -> tuple[str, str]:
    admin = platform.sandbox.client("dev")
    for name in (table, f"{table}_2", hidden):
        make_table(admin, name)
    for name in (table, f"{table}_2"):
        platform.sandbox.grant("dev", "TABLE", name, platform.controls["dev"].name, "SELECT")
    return table, hidden


def call(scene: Scene, line: str) -> Any:
    """What a row of the table says: a function, and its arguments with the scene's names in them."""
    names = {**asdict(scene), "new": unique("new"), "taken": f"taken_{scene.share}"}
    function, *arguments = [word.format(**names) for word in shlex.split(line)]
    return CALLS[function](*arguments)


@contextmanager
def caused(platform: Platform, scene: Scene, row: dict[str, Any]) -> Iterator[None]:
    """While the fault of the row can come about."""
    with ExitStack() as stack:
        if "switched" in row:
            stack.enter_context(platform.sandbox.switched(**row["switched"]))
        if "lacking" in row:
            stack.enter_context(_lacking(platform, *row["lacking"]))
        if "arranged" in row:
            stack.enter_context(contextmanager(ARRANGED[row["arranged"]])(platform, scene))
        if "answer" in row:
            workspace, method, path, status, code, message = row["answer"]
            answer = {"status": status, "error_code": code, "message": message}
            platform.fault(workspace, "refuse", method, path, **answer)
            stack.enter_context(_given(platform, workspace, method, path, status))
        yield


def _mount(provider: str, share: str, catalog: str) -> None:
    catalogs.ensure_shared_catalog("prod", catalog, provider=provider, share=share, comment=COMMENT)


def _create(endpoint: str, model: str, version: str) -> None:
    endpoints.ensure_endpoint("prod", endpoint, [ServedEntity("demand", model, version, 100)], tags={})


def _serve(endpoint: str, model: str, version: str) -> None:
    endpoints.ensure_config("prod", endpoint, [ServedEntity("renamed", model, version, 100)])


def _ensure_schema(workspace: str, *names: str) -> None:
    catalog, schema = ".".join(names).split(".")
    catalogs.ensure_schema(workspace, catalog, schema, comment=COMMENT)


def _add(kind: str) -> Callable[..., Any]:
    return lambda share, name, alias: shares.ensure_object("dev", share, kind, name, shared_as=alias)


def _reshare(share: str, model: str) -> None:
    shares.ensure_share("prod", share, comment=COMMENT)
    shares.ensure_model("prod", share, model, shared_as="bikes.again")


def _tell_lineage(source: str, model: str) -> None:
    external_lineage.ensure_source("prod", source, description=COMMENT)
    external_lineage.ensure_link("prod", source, model, 1, {})


def _predict(endpoint: str, column: str, padding: str = "") -> None:
    split = {"columns": [column], "data": [[1.5]]}
    invocations.predict("prod", endpoint, {"dataframe_split": split, "client_request_id": padding})


CALLS: dict[str, Callable[..., Any]] = {
    "get_model": models.get_model,
    "get_version": lambda workspace, model, version: models.get_version(workspace, model, int(version)),
    "get_version_at": models.get_version_at,
    "remove_version": lambda workspace, model, version: models.remove_version(workspace, model, int(version)),
    "ensure_schema": _ensure_schema,
    "list_schemas": catalogs.list_schemas,
    "list_privileges": grants.list_privileges,
    "grant": lambda workspace, kind, name: grants.ensure_privileges(
        workspace, kind, name, "account users", ["USE_CATALOG"]
    ),
    "get_metastore": metastores.get_metastore,
    "get_share": shares.get_share,
    "ensure_share": lambda workspace, name: shares.ensure_share(workspace, name, comment=COMMENT),
    "ensure_reader": shares.ensure_reader,
    "remove_reader": shares.remove_reader,
    "add": lambda share, model, name: shares.ensure_model("dev", share, model, shared_as=name),
    "add_table": _add(shares.TABLE),
    "add_function": _add(shares.FUNCTION),
    "remove_table": lambda share, table: shares.remove_object("dev", share, shares.TABLE, table),
    "reshare": _reshare,
    "tell_lineage": _tell_lineage,
    "ensure_recipient": lambda workspace, identifier, name: recipients.ensure_recipient(
        workspace, identifier, name=name, comment=COMMENT
    ),
    "list_shares": providers.list_shares,
    "list_assets": share_assets.list_assets,
    "mount": _mount,
    "unmount": lambda name, provider, share: catalogs.remove_shared_catalog(
        "prod", name, provider=provider, share=share
    ),
    "create": _create,
    "serve": _serve,
    "remove_endpoint": endpoints.remove_endpoint,
    "predict": _predict,
    "predict_much": lambda endpoint: _predict(endpoint, "x", "x" * (16 * 1024 * 1024)),
}


@contextmanager
def _given(platform: Platform, workspace: str, method: str, path: str, status: int) -> Iterator[None]:
    """The answer that the sandbox was told to give is one that it gave."""
    query = {"workspace": workspace, "method": method, "path": path}

    def count() -> int:
        seen = platform.sandbox.call(workspace, "GET", "/__sandbox/requests", params=query).json()["requests"]
        return sum(request["status"] == status for request in seen)

    before = count()
    yield
    assert count() > before, "the call did not meet the fault"


@contextmanager
def _lacking(platform: Platform, workspace: str, privilege: str) -> Iterator[None]:
    admin, control = platform.sandbox.client(workspace), platform.controls[workspace].name
    metastore, held = str(admin.metastores.summary().metastore_id), [Privilege(privilege)]
    admin.grants.update("metastore", metastore, changes=[PermissionsChange(principal=control, remove=held)])
    try:
        yield
    finally:
        admin.grants.update("metastore", metastore, changes=[PermissionsChange(principal=control, add=held)])


def _hide_share(platform: Platform, scene: Scene) -> Iterator[None]:
    platform.sandbox.client("dev").shares.create(f"taken_{scene.share}")
    yield


def _hide_catalog(platform: Platform, scene: Scene) -> Iterator[None]:
    platform.sandbox.client("prod").catalogs.create(f"taken_{scene.share}")
    yield


def _lose_a_creation(platform: Platform, _: Scene) -> Iterator[None]:
    platform.fault("dev", "lose-answer", "POST", "*/shares")
    yield


def _lose_an_addition(platform: Platform, _: Scene) -> Iterator[None]:
    platform.fault("dev", "lose-answer", "PATCH", "*/shares/*")
    yield


def _throttle(platform: Platform, _: Scene) -> Iterator[None]:
    platform.fault("prod", "throttle", "POST", "*/invocations")
    yield


def _throttle_for_long(platform: Platform, _: Scene) -> Iterator[None]:
    platform.fault("prod", "throttle", "POST", "*/invocations", retry_after=3)
    yield


def _drop_and_make_again(platform: Platform, scene: Scene) -> Iterator[None]:
    model = f"{scene.schema}_2.m"
    for again in (False, True):
        _ensure_schema("dev", f"{scene.schema}_2")
        platform.register("dev", model, EMPTY)
        if not again:
            shares.ensure_model("dev", scene.share, model, shared_as="bikes.m")
            platform.sandbox.client("dev").schemas.delete(f"{scene.schema}_2", force=True)
    yield


def _disown(platform: Platform, scene: Scene) -> Iterator[None]:
    admin = platform.sandbox.client("dev")
    admin.shares.update(scene.share, owner=platform.sandbox.person("dev").name)
    try:
        yield
    finally:
        admin.shares.update(scene.share, owner=platform.controls["dev"].name)


def _let_tell_lineage(platform: Platform, _: Scene) -> Iterator[None]:
    metastore, control = platform.sandbox.client("prod").metastores.summary().metastore_id, platform.controls["prod"]
    path = f"/api/2.1/unity-catalog/permissions/metastore/{metastore}"
    for change in ("add", "remove"):
        # The SDK's enum lacks this privilege.
        body = {"changes": [{"principal": control.name, change: ["CREATE_EXTERNAL_METADATA"]}]}
        assert platform.sandbox.call("prod", "PATCH", path, json=body).ok
        if change == "add":
            yield


ARRANGED: dict[str, Callable[[Platform, Scene], Iterator[None]]] = {
    function.__name__.removeprefix("_"): function
    for function in (
        *(_hide_share, _hide_catalog, _lose_a_creation, _lose_an_addition, _throttle, _throttle_for_long),
        *(_drop_and_make_again, _disown, _let_tell_lineage),
    )
}
