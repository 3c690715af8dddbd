"""Which tables are there? External Delta tables, as the API makes them for clients; what is in them is not kept."""

from typing import Any

from databricks.sdk.service.catalog import ColumnInfo, DataSourceFormat, TableInfo, TableType

from app.sandbox import errors, grants, names, securables, shared_objects
from app.sandbox.pages import PAGED, page
from app.sandbox.securables import Located
from app.sandbox.wire import Call, Routes

routes = Routes()
PATH = "/api/2.1/unity-catalog/tables"
_KEPT = ("columns", "properties", "storage_location", "table_type", "data_source_format")
_OMITTED = {
    "omit_columns": {"columns"},
    "omit_properties": {"properties"},
    "omit_username": {"owner", "created_by", "updated_by"},
}


@routes.post(
    PATH,
    body={
        "name!": str,
        "catalog_name!": str,
        "schema_name!": str,
        "table_type!": TableType,
        "data_source_format!": DataSourceFormat,
        "storage_location!": str,
        "columns": [ColumnInfo],
        "properties": dict,
    },
)
def create_table(call: Call) -> TableInfo:
    """Needs CREATE_TABLE on the schema, and EXTERNAL_USE_SCHEMA by a grant: neither ownership nor all privileges give
    it [SDK].
    """
    if (call.body["table_type"], call.body["data_source_format"]) != ("EXTERNAL", "DELTA"):
        raise errors.invalid("Only external Delta tables can be created with this API.")
    schema = names.full(f"{call.body['catalog_name']}.{call.body['schema_name']}", 2)
    name = f"{schema}.{names.check(call.body['name'], 'CreateTable', 'table').lower()}"
    securables.require_parents(call, name)
    securables.require_writable(call, name)
    call.require("USE_SCHEMA", "schema", schema)
    call.require("CREATE_TABLE", "schema", schema)
    if not grants.is_granted(call.state, call.metastore, call.principal, {"EXTERNAL_USE_SCHEMA"}, "schema", schema):
        raise errors.lacking("EXTERNAL_USE_SCHEMA", "schema", schema)
    if call.state.find("table", call.metastore, name):
        raise errors.already_exists("table", name, call.world.settings.already_exists_status)
    table = securables.new(call, **{key: call.body.get(key) for key in _KEPT})
    call.state.put("table", call.metastore, name, table)
    call.record("table-created", name)
    return _shape(call, find(call, name))


@routes.get(
    PATH,
    query={
        "catalog_name!": str,
        "schema_name!": str,
        **dict.fromkeys(("include_browse", "include_manifest_capabilities", *_OMITTED), bool),
        **PAGED,
    },
)
def list_tables(call: Call) -> dict[str, Any]:
    """Those that the caller owns or may select from [SDK]."""
    schema = names.full(f"{call.query['catalog_name']}.{call.query['schema_name']}", 2)
    securables.require_parents(call, f"{schema}.any")
    omitted = {field for flag, fields in _OMITTED.items() if call.query.get(flag) for field in fields}
    return page(
        call,
        "tables",
        securables.list_located(call, "TABLE", schema),
        lambda table: {key: value for key, value in _shape(call, table).as_dict().items() if key not in omitted},
        visible=lambda table: call.holds("SELECT", "table", table.name),
    )


@routes.get(
    PATH + "/{full_name}",
    query=dict.fromkeys(("include_browse", "include_delta_metadata", "include_manifest_capabilities"), bool),
)
def get_table(call: Call) -> TableInfo:
    """Needs SELECT or ownership, and the USE privileges [SDK]."""
    table = find(call, call.params["full_name"])
    call.require("SELECT", "table", table.name)
    return _shape(call, table)


@routes.get(PATH + "/{full_name}/exists")
def exists(call: Call) -> dict[str, Any]:
    """Whether there is such a table that the caller may read."""
    found = securables.find_located(call, "TABLE", call.params["full_name"])
    return {"table_exists": found is not None and call.holds("SELECT", "table", found.name)}


@routes.patch(PATH + "/{full_name}", body={"owner": str})
def update_table(call: Call) -> None:
    """Only the owner can be changed [SDK]."""
    table = _find_own(call)
    call.state.put("table", call.metastore, table.name, securables.changed(call, table.document))


@routes.delete(PATH + "/{full_name}")
def delete_table(call: Call) -> None:
    """For the owner of the table or of a parent [SDK]."""
    table = _find_own(call)
    shared_objects.check_deletion(call, table.name)
    securables.drop(call, "TABLE", "table", table.name)


def find(call: Call, full_name: str) -> Located:
    """The table, no right asked; 404 names it or the missing parent."""
    found = securables.find_located(call, "TABLE", full_name)
    if found is None:
        raise errors.not_found("table", names.full(full_name, 3))
    return found


def _find_own(call: Call) -> Located:
    table = find(call, call.params["full_name"])
    securables.require_writable(call, table.name)
    call.require_owner("table", table.name, or_parent=True)
    return table


def _shape(call: Call, table: Located) -> TableInfo:
    catalog, schema, name = table.name.split(".")
    known = {key: table.document[key] for key in _KEPT}
    if table.place.read_only:
        known |= {"data_source_format": "DELTASHARING", "storage_location": None}
    return TableInfo.from_dict(
        {
            "name": name,
            "catalog_name": catalog,
            "schema_name": schema,
            "full_name": table.name,
            "table_id": table.document["id"],
            "metastore_id": call.workspace.metastore.id,
            **{key: value for key, value in known.items() if value is not None},
            **securables.told(table.document),
        }
    )
