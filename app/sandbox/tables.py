"""Which tables are there? External Delta tables, as the API makes them for clients; what is in them is not kept."""

from typing import Any

from databricks.sdk.service.catalog import ColumnInfo, DataSourceFormat, TableInfo, TableType

from app.sandbox import errors, grants, schema_objects, securables
from app.sandbox.pages import PAGED
from app.sandbox.schema_objects import TABLE
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
    schema = schema_objects.require_schema(call, TABLE, call.body)
    if not grants.is_granted(call.state, call.metastore, call.principal, {"EXTERNAL_USE_SCHEMA"}, "schema", schema):
        raise errors.lacking("EXTERNAL_USE_SCHEMA", "schema", schema)
    kept = {key: call.body.get(key) for key in _KEPT}
    return _shape(call, schema_objects.add(call, TABLE, schema, call.body, **kept))


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
    omitted = {field for flag, fields in _OMITTED.items() if call.query.get(flag) for field in fields}

    def shape(table: Located) -> dict[str, Any]:
        return {key: value for key, value in _shape(call, table).as_dict().items() if key not in omitted}

    return schema_objects.list_page(call, TABLE, shape)


@routes.get(
    PATH + "/{full_name}",
    query=dict.fromkeys(("include_browse", "include_delta_metadata", "include_manifest_capabilities"), bool),
)
def get_table(call: Call) -> TableInfo:
    """Needs SELECT or ownership, and the USE privileges [SDK]."""
    return _shape(call, schema_objects.get(call, TABLE))


@routes.get(PATH + "/{full_name}/exists")
def exists(call: Call) -> dict[str, Any]:
    """Whether there is such a table that the caller may read."""
    found = securables.find_located(call, "TABLE", call.params["full_name"])
    return {"table_exists": found is not None and call.holds("SELECT", "table", found.name)}


@routes.patch(PATH + "/{full_name}", body={"owner": str})
def update_table(call: Call) -> None:
    """Only the owner can be changed [SDK]."""
    schema_objects.give_away(call, TABLE)


@routes.delete(PATH + "/{full_name}")
def delete_table(call: Call) -> None:
    """For the owner of the table or of a parent [SDK]."""
    schema_objects.delete(call, TABLE)


def _shape(call: Call, table: Located) -> TableInfo:
    known = {key: table.document[key] for key in _KEPT}
    if table.place.read_only:
        known |= {"data_source_format": "DELTASHARING", "storage_location": None}
    own = {"table_id": table.document["id"], **{key: value for key, value in known.items() if value is not None}}
    return TableInfo.from_dict({**own, **schema_objects.tell(call, table)})
