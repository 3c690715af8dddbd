"""Which functions are there? User-defined ones; they are kept and shown, never run. Registered models are elsewhere."""

from dataclasses import MISSING, fields
from typing import Any

from databricks.sdk.service.catalog import CreateFunction, FunctionInfo

from app.sandbox import errors, names, securables, shared_objects
from app.sandbox.fields import fields_of
from app.sandbox.pages import PAGED, page
from app.sandbox.securables import Located
from app.sandbox.wire import Call, Routes

routes = Routes()
PATH = "/api/2.1/unity-catalog/functions"
_PLACE = ("name", "catalog_name", "schema_name", "comment")
_REQUIRED = {field.name for field in fields(CreateFunction) if field.default is MISSING}
_DECLARED = {f"{name}!" if name in _REQUIRED else name: kind for name, kind in fields_of(CreateFunction).items()}


@routes.post(PATH, body={"function_info!": _DECLARED})
def create_function(call: Call) -> FunctionInfo:
    """Needs the USE privileges and CREATE_FUNCTION on the schema [SDK]."""
    wanted = call.body["function_info"]
    schema = names.full(f"{wanted['catalog_name']}.{wanted['schema_name']}", 2)
    name = f"{schema}.{names.check(wanted['name'], 'CreateFunction', 'function').lower()}"
    securables.require_parents(call, name)
    securables.require_writable(call, name)
    call.require("USE_SCHEMA", "schema", schema)
    call.require("CREATE_FUNCTION", "schema", schema)
    # Models and functions share their names: both are functions to Unity Catalog [DOC].
    if any(call.state.find(kind, call.metastore, name) for kind in ("model", "routine")):
        raise errors.already_exists("function", name, call.world.settings.already_exists_status)
    kept = {key: value for key, value in wanted.items() if key not in _PLACE}
    function = {**securables.new(call), "comment": wanted.get("comment"), "definition": kept}
    call.state.put("routine", call.metastore, name, function)
    call.record("function-created", name)
    return _shape(call, find(call, name))


@routes.get(PATH, query={"catalog_name!": str, "schema_name!": str, "include_browse": bool, **PAGED})
def list_functions(call: Call) -> dict[str, Any]:
    """Those that the caller owns or may execute [SDK]."""
    schema = names.full(f"{call.query['catalog_name']}.{call.query['schema_name']}", 2)
    securables.require_parents(call, f"{schema}.any")
    return page(
        call,
        "functions",
        securables.list_located(call, "FUNCTION", schema),
        lambda function: _shape(call, function),
        visible=lambda function: call.holds("EXECUTE", "function", function.name),
    )


@routes.get(PATH + "/{full_name}", query={"include_browse": bool})
def get_function(call: Call) -> FunctionInfo:
    """Needs EXECUTE or ownership, and the USE privileges [SDK]."""
    function = find(call, call.params["full_name"])
    call.require("EXECUTE", "function", function.name)
    return _shape(call, function)


@routes.patch(PATH + "/{full_name}", body={"owner": str})
def update_function(call: Call) -> FunctionInfo:
    """Only the owner can be changed [SDK]."""
    function = _find_own(call)
    changed = call.state.put("routine", call.metastore, function.name, securables.changed(call, function.document))
    return _shape(call, function._replace(document=changed))


@routes.delete(PATH + "/{full_name}", query={"force": bool})
def delete_function(call: Call) -> None:
    """For the owner of the function or of a parent [SDK]."""
    function = _find_own(call)
    shared_objects.check_deletion(call, function.name)
    securables.drop(call, "FUNCTION", "function", function.name)


def find(call: Call, full_name: str) -> Located:
    """The function, no right asked; 404 names it or the missing parent."""
    found = securables.find_located(call, "FUNCTION", full_name)
    if found is None:
        raise errors.not_found("function", names.full(full_name, 3))
    return found


def _find_own(call: Call) -> Located:
    function = find(call, call.params["full_name"])
    securables.require_writable(call, function.name)
    call.require_owner("function", function.name, or_parent=True)
    return function


def _shape(call: Call, function: Located) -> FunctionInfo:
    catalog, schema, name = function.name.split(".")
    return FunctionInfo.from_dict(
        {
            **function.document["definition"],
            "name": name,
            "catalog_name": catalog,
            "schema_name": schema,
            "full_name": function.name,
            "function_id": function.document["id"],
            "metastore_id": call.workspace.metastore.id,
            **securables.told(function.document),
        }
    )
