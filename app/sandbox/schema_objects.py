"""What do tables and functions have in common? Made in a schema, listed, read, given away and dropped by one rule."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.sandbox import errors, names, securables, shared_objects
from app.sandbox.pages import page
from app.sandbox.securables import Located
from app.sandbox.wire import Call


@dataclass(frozen=True)
class Kind:
    """`title` as operations name it; `object_type` in a share; the privileges that read and make one; and the kinds of
    documents among which a name is taken once.
    """

    title: str
    object_type: str
    reading: str
    making: str
    named_among: tuple[str, ...]

    @property
    def securable(self) -> str:
        """The type for grants, and in messages."""
        return self.object_type.lower()


TABLE = Kind("Table", "TABLE", "SELECT", "CREATE_TABLE", ("table",))
# Models and functions share their names: both are functions to Unity Catalog [DOC].
FUNCTION = Kind("Function", "FUNCTION", "EXECUTE", "CREATE_FUNCTION", ("model", "routine"))


def require_schema(call: Call, kind: Kind, wanted: dict[str, Any]) -> str:
    """The schema in which the caller may make one; needs the USE privileges and the one that makes it [SDK]."""
    schema = names.full(f"{wanted['catalog_name']}.{wanted['schema_name']}", 2)
    securables.require_parents(call, f"{schema}.any")
    securables.require_writable(call, schema)
    call.require("USE_SCHEMA", "schema", schema)
    call.require(kind.making, "schema", schema)
    return schema


def add(call: Call, kind: Kind, schema: str, wanted: dict[str, Any], **own: Any) -> Located:
    """A new one of the caller, unless its name is taken; asks for no right."""
    name = f"{schema}.{names.check(wanted['name'], f'Create{kind.title}', kind.securable).lower()}"
    if any(call.state.find(kept_as, call.metastore, name) for kept_as in kind.named_among):
        raise errors.already_exists(kind.securable, name, call.world.settings.already_exists_status)
    document = securables.new(call, comment=wanted.get("comment"), **own)
    call.state.put(securables.DOCUMENTS[kind.object_type], call.metastore, name, document)
    call.record(f"{kind.securable}-created", name)
    return find(call, kind, name)


def list_page(call: Call, kind: Kind, shape: Callable[[Located], Any]) -> dict[str, Any]:
    """A page of those in a schema that the caller owns or may read [SDK]."""
    schema = names.full(f"{call.query['catalog_name']}.{call.query['schema_name']}", 2)
    securables.require_parents(call, f"{schema}.any")
    return page(
        call,
        f"{kind.securable}s",
        securables.list_located(call, kind.object_type, schema),
        shape,
        visible=lambda one: call.holds(kind.reading, kind.securable, one.name),
    )


def get(call: Call, kind: Kind) -> Located:
    """The one that the path names, for whoever owns it or may read it, and has the USE privileges [SDK]."""
    found = find(call, kind, call.params["full_name"])
    call.require(kind.reading, kind.securable, found.name)
    return found


def give_away(call: Call, kind: Kind) -> Located:
    """The one that the path names, with another owner, which is all that can be changed of it [SDK]."""
    found = _get_own(call, kind)
    document = securables.changed(call, found.document)
    call.state.put(securables.DOCUMENTS[kind.object_type], call.metastore, found.name, document)
    return found._replace(document=document)


def delete(call: Call, kind: Kind) -> None:
    """For the owner of the one that the path names, or of a parent [SDK]."""
    found = _get_own(call, kind)
    shared_objects.check_deletion(call, found.name)
    securables.drop(call, kind.object_type, kind.securable, found.name)


def find(call: Call, kind: Kind, full_name: str) -> Located:
    """The one of that name, no right asked; 404 names it or the missing parent."""
    found = securables.find_located(call, kind.object_type, full_name)
    if found is None:
        raise errors.not_found(kind.securable, names.full(full_name, 3))
    return found


def tell(call: Call, found: Located) -> dict[str, Any]:
    """The fields that both show: names, metastore, owner, comment and times."""
    catalog, schema, name = found.name.split(".")
    return {
        "name": name,
        "catalog_name": catalog,
        "schema_name": schema,
        "full_name": found.name,
        "metastore_id": call.workspace.metastore.id,
        **securables.told(found.document),
    }


def _get_own(call: Call, kind: Kind) -> Located:
    found = find(call, kind, call.params["full_name"])
    securables.require_writable(call, found.name)
    call.require_owner(kind.securable, found.name, or_parent=True)
    return found
