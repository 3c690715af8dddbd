"""Which volumes are there? Made, listed, changed and dropped; their files are the Files API's."""

from typing import Any

from databricks.sdk.service.catalog import VolumeInfo, VolumeType

from app.sandbox import errors, grants, names, securables, storage
from app.sandbox.pages import PAGED, page
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
PATH = "/api/2.1/unity-catalog/volumes"


@routes.post(
    PATH,
    body={
        "catalog_name!": str,
        "schema_name!": str,
        "name!": str,
        "volume_type!": VolumeType,
        "comment": str,
        "storage_location": str,
    },
)
def create_volume(call: Call) -> VolumeInfo:
    """Needs USE_CATALOG, USE_SCHEMA and CREATE_VOLUME; managed volumes only [SDK]."""
    if call.body["volume_type"] != VolumeType.MANAGED.value or "storage_location" in call.body:
        raise errors.PlatformError(501, "NOT_IMPLEMENTED", "The sandbox has managed volumes only.")
    schema = names.full(f"{call.body['catalog_name']}.{call.body['schema_name']}", 2)
    name = f"{schema}.{names.check(call.body['name'], 'CreateVolume', 'volume').lower()}"
    securables.require_parents(call, name)
    securables.require_writable(call, name)
    call.require("USE_SCHEMA", "schema", schema)
    call.require("CREATE_VOLUME", "schema", schema)
    if call.state.find("volume", call.metastore, name):
        raise errors.already_exists("volume", name, call.world.settings.already_exists_status)
    volume = call.state.put("volume", call.metastore, name, securables.new(call))
    call.record("volume-created", name)
    return _shape(call, name, volume)


@routes.get(PATH, query={"catalog_name!": str, "schema_name!": str, "include_browse": bool, **PAGED})
def list_volumes(call: Call) -> dict[str, Any]:
    """Those that the caller owns or may read [SDK]."""
    schema = names.full(f"{call.query['catalog_name']}.{call.query['schema_name']}", 2)
    securables.require_parents(call, f"{schema}.any")
    return page(
        call,
        "volumes",
        call.state.list_all("volume", call.metastore, f"{schema}."),
        lambda entry: _shape(call, *entry),
        visible=lambda entry: call.holds("READ_VOLUME", "volume", entry[0]),
    )


@routes.get(PATH + "/{name}", query={"include_browse": bool})
def get_volume(call: Call) -> VolumeInfo:
    """Needs READ_VOLUME or ownership, and the USE privileges."""
    name, volume = _get(call)
    call.require("READ_VOLUME", "volume", name)
    return _shape(call, name, volume)


@routes.patch(PATH + "/{name}", body={"comment": str, "new_name": str, "owner": str})
def update_volume(call: Call) -> VolumeInfo:
    """The owner's to do; the sandbox changes comment and owner, and knows no renaming."""
    name, volume = _get(call)
    call.require_owner("volume", name)
    return _shape(call, name, call.state.put("volume", call.metastore, name, securables.changed(call, volume)))


@routes.delete(PATH + "/{name}")
def delete_volume(call: Call) -> None:
    """The owner's to do; its files go with it."""
    name, _ = _get(call)
    call.require_owner("volume", name)
    drop(call, name)


def drop(call: Call, name: str) -> None:
    """The volume and its files are gone; asks for no right."""
    volume = securables.get(call, "volume", name)
    storage.erase(storage.volume_folder(call.world, call.metastore, volume["id"]))
    grants.forget_assignments(call.state, call.metastore, "volume", name)
    call.state.remove("volume", call.metastore, name)
    call.record("volume-deleted", name)


def _get(call: Call) -> tuple[str, Document]:
    name = names.full(call.params["name"], 3)
    return name, securables.get(call, "volume", name)


def _shape(call: Call, full_name: str, volume: Document) -> VolumeInfo:
    catalog, schema, name = full_name.split(".")
    return VolumeInfo(
        name=name,
        catalog_name=catalog,
        schema_name=schema,
        full_name=full_name,
        volume_id=volume["id"],
        volume_type=VolumeType.MANAGED,
        metastore_id=call.workspace.metastore.id,
        storage_location=storage.show(call.world, call.metastore, "volumes", volume["id"]),
        **securables.told(volume),
    )
