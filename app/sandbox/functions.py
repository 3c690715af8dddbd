"""Which functions are there? User-defined ones; they are kept and shown, never run. Registered models are elsewhere."""

from dataclasses import MISSING, fields
from typing import Any

from databricks.sdk.service.catalog import CreateFunction, FunctionInfo

from app.sandbox import schema_objects
from app.sandbox.fields import fields_of
from app.sandbox.pages import PAGED
from app.sandbox.schema_objects import FUNCTION
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
    schema = schema_objects.require_schema(call, FUNCTION, wanted)
    kept = {key: value for key, value in wanted.items() if key not in _PLACE}
    return _shape(call, schema_objects.add(call, FUNCTION, schema, wanted, definition=kept))


@routes.get(PATH, query={"catalog_name!": str, "schema_name!": str, "include_browse": bool, **PAGED})
def list_functions(call: Call) -> dict[str, Any]:
    """Those that the caller owns or may execute [SDK]."""
    return schema_objects.list_page(call, FUNCTION, lambda function: _shape(call, function))


@routes.get(PATH + "/{full_name}", query={"include_browse": bool})
def get_function(call: Call) -> FunctionInfo:
    """Needs EXECUTE or ownership, and the USE privileges [SDK]."""
    return _shape(call, schema_objects.get(call, FUNCTION))


@routes.patch(PATH + "/{full_name}", body={"owner": str})
def update_function(call: Call) -> FunctionInfo:
    """Only the owner can be changed [SDK]."""
    return _shape(call, schema_objects.give_away(call, FUNCTION))


@routes.delete(PATH + "/{full_name}", query={"force": bool})
def delete_function(call: Call) -> None:
    """For the owner of the function or of a parent [SDK]."""
    schema_objects.delete(call, FUNCTION)


def _shape(call: Call, function: Located) -> FunctionInfo:
    own = {**function.document["definition"], "function_id": function.document["id"]}
    return FunctionInfo.from_dict({**own, **schema_objects.tell(call, function)})
