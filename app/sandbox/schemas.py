"""Which schemas are there? Made, listed, changed and dropped; those of a shared catalog follow from what is shared."""

from typing import Any

from databricks.sdk.service.catalog import CatalogType, EnablePredictiveOptimization, SchemaInfo

from app.sandbox import errors, grants, models, names, securables, shared_objects, volumes
from app.sandbox.pages import PAGED, page
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
PATH = "/api/2.1/unity-catalog/schemas"
_COMMON = {"comment": str, "properties": dict, "custom_max_retention_hours": int}


@routes.post(PATH, body={"name!": str, "catalog_name!": str, "storage_root": str, **_COMMON})
def create_schema(call: Call) -> SchemaInfo:
    """Needs USE_CATALOG and CREATE_SCHEMA on the catalog; the caller owns it [SDK]."""
    catalog = names.full(call.body["catalog_name"], 1)
    name = f"{catalog}.{names.check(call.body['name'], 'CreateSchema', 'schema').lower()}"
    securables.require_parents(call, name)
    call.require("USE_CATALOG", "catalog", catalog)
    call.require("CREATE_SCHEMA", "catalog", catalog)
    securables.require_writable(call, name)
    if call.state.find("schema", call.metastore, name):
        raise errors.already_exists("schema", name, call.world.settings.already_exists_status)
    return _shape(call, name, add(call, name))


@routes.get(PATH, query={"catalog_name!": str, "include_browse": bool, **PAGED})
def list_schemas(call: Call) -> dict[str, Any]:
    """Those that the caller owns or may use; all of them for the metastore admin [SDK]."""
    catalog = names.full(call.query["catalog_name"], 1)
    call.require("USE_CATALOG", "catalog", _get_catalog(call, catalog))
    return page(
        call,
        "schemas",
        _list(call, catalog),
        lambda entry: _shape(call, *entry),
        visible=lambda entry: call.holds("USE_SCHEMA", "schema", entry[0]),
    )


@routes.get(PATH + "/{full_name}", query={"include_browse": bool})
def get_schema(call: Call) -> SchemaInfo:
    """Needs USE_SCHEMA or ownership, and USE_CATALOG."""
    name, schema = _get(call)
    call.require("USE_SCHEMA", "schema", name)
    return _shape(call, name, schema)


@routes.patch(
    PATH + "/{full_name}",
    body={**_COMMON, "new_name": str, "owner": str, "enable_predictive_optimization": EnablePredictiveOptimization},
)
def update_schema(call: Call) -> SchemaInfo:
    """The owner's to do; the sandbox changes comment and owner, and knows no renaming."""
    name, schema = _get(call)
    securables.require_writable(call, name)
    call.require_owner("schema", name)
    return _shape(call, name, call.state.put("schema", call.metastore, name, securables.changed(call, schema)))


@routes.delete(PATH + "/{full_name}", query={"force": bool})
def delete_schema(call: Call) -> None:
    """For the owner of the schema or of the catalog; refused while something is in it, unless by `force`."""
    name, _ = _get(call)
    securables.require_writable(call, name)
    call.require_owner("schema", name, or_parent=True)
    shared_objects.check_deletion(call, name)
    if is_full(call, name) and not call.query.get("force"):
        raise errors.PlatformError(400, "SCHEMA_NOT_EMPTY", f"Schema '{name}' is not empty.")
    drop(call, name)


def add(call: Call, name: str) -> Document:
    """A new schema of the caller; asks for no right."""
    schema = call.state.put("schema", call.metastore, name, securables.new(call))
    call.record("schema-created", name)
    return schema


def is_full(call: Call, name: str) -> bool:
    """Whether anything lies in it."""
    kinds = ("model", "routine", "table", "volume")
    return any(call.state.list_all(kind, call.metastore, f"{name}.") for kind in kinds)


def drop(call: Call, name: str) -> None:
    """The schema and all that lies in it are gone; asks for no right."""
    for full_name, _ in call.state.list_all("model", call.metastore, f"{name}."):
        models.drop(call, full_name)
    for full_name, _ in call.state.list_all("volume", call.metastore, f"{name}."):
        volumes.drop(call, full_name)
    for kind, object_type, securable in (("routine", "FUNCTION", "function"), ("table", "TABLE", "table")):
        for full_name, _ in call.state.list_all(kind, call.metastore, f"{name}."):
            securables.drop(call, object_type, securable, full_name)
    shared_objects.cascade(call, name)
    grants.forget_assignments(call.state, call.metastore, "schema", name)
    call.state.remove("schema", call.metastore, name)
    call.record("schema-deleted", name)


def _get_catalog(call: Call, name: str) -> str:
    securables.get(call, "catalog", name)
    return name


def _list(call: Call, catalog_name: str) -> list[tuple[str, Document]]:
    catalog = securables.get(call, "catalog", catalog_name)
    if not catalog.get("share_name"):
        return call.state.list_all("schema", call.metastore, f"{catalog_name}.")
    return [(f"{catalog_name}.{name}", catalog) for name in call.world.list_shared_schemas(call.metastore, catalog)]


def _get(call: Call) -> tuple[str, Document]:
    wanted = names.full(call.params["full_name"], 2)
    found = next((entry for entry in _list(call, wanted.partition(".")[0]) if entry[0] == wanted), None)
    if found is None:
        raise errors.not_found("schema", wanted)
    return found


def _shape(call: Call, full_name: str, schema: Document) -> SchemaInfo:
    catalog, name = full_name.split(".")
    shared = schema.get("share_name") is not None
    return SchemaInfo(
        name=name,
        catalog_name=catalog,
        full_name=full_name,
        schema_id=schema["id"],
        catalog_type=CatalogType.DELTASHARING_CATALOG if shared else CatalogType.MANAGED_CATALOG,
        metastore_id=call.workspace.metastore.id,
        **securables.told(schema),
    )
