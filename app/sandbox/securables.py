"""What do Unity Catalog's objects have in common? Owner, comment, times, parents, and where a name really leads."""

import uuid
from typing import Any, NamedTuple

from app.sandbox import errors, grants, names
from app.sandbox.state import Document
from app.sandbox.wire import Call
from app.sandbox.world import Place, now_ms

# What can lie in a share, and under which kind its document is kept.
DOCUMENTS = {"MODEL": "model", "FUNCTION": "routine", "TABLE": "table"}


class Located(NamedTuple):
    """`name` as the caller says it; `place` where it really lies; `document` what is kept there."""

    name: str
    place: Place
    document: Document


def new(call: Call, **own: Any) -> Document:
    """The document of a new object that belongs to the caller."""
    now = now_ms()
    return {
        "id": str(uuid.uuid4()),
        "owner": call.principal,
        "comment": call.body.get("comment"),
        "created_at": now,
        "created_by": call.principal,
        "updated_at": now,
        "updated_by": call.principal,
        **own,
    }


def changed(call: Call, document: Document) -> Document:
    """The document with the comment and the owner that the call wants; 501 for what the sandbox does not change."""
    others = (
        {key for key, value in call.body.items() if value not in (None, [])} - {"comment", "owner"} - set(call.params)
    )
    if others:
        raise errors.PlatformError(501, "NOT_IMPLEMENTED", f"The sandbox does not change {', '.join(sorted(others))}.")
    wanted: Document = {key: call.body[key] for key in ("comment", "owner") if key in call.body}
    if "owner" in wanted:
        names.check_principal(call, wanted["owner"])
    return {**document, **wanted, "updated_at": now_ms(), "updated_by": call.principal}


def get(call: Call, kind: str, name: str) -> Document:
    """The object's own document; 404 names it, or the parent that is missing."""
    require_parents(call, name)
    document = call.state.find(kind, call.metastore, name)
    if document is None:
        raise errors.not_found(kind, name)
    return document


def find_located(call: Call, object_type: str, full_name: str) -> Located | None:
    """The model, function or table of that name, also one that is seen through a share; no right asked.

    404 for a parent that is missing.
    """
    name = names.full(full_name, 3)
    require_parents(call, name)
    place = call.world.resolve(call.metastore, name, object_type)
    document = call.state.find(DOCUMENTS[object_type], place.metastore, place.name) if place else None
    return Located(name, place, document) if place and document else None


def list_located(call: Call, object_type: str, schema: str | None = None) -> list[Located]:
    """All of the type on the metastore, or in one schema, what shared catalogs show included; no right asked."""
    kind, prefix = DOCUMENTS[object_type], f"{schema}." if schema else ""
    own = call.state.list_all(kind, call.metastore, prefix)
    found = [Located(name, Place(call.metastore, name, read_only=False), document) for name, document in own]
    for catalog_name, catalog in call.state.list_all("catalog", call.metastore):
        if catalog.get("share_name"):
            for alias, place in call.world.list_shared_places(call.metastore, catalog, object_type):
                name, document = f"{catalog_name}.{alias}", call.state.find(kind, place.metastore, place.name)
                if document and name.startswith(prefix):
                    found.append(Located(name, place, document))
    return found


def drop(call: Call, object_type: str, securable: str, name: str) -> None:
    """The object is gone, with what was granted on it; asks for no right."""
    grants.forget_assignments(call.state, call.metastore, securable, name)
    call.state.remove(DOCUMENTS[object_type], call.metastore, name)
    call.record(f"{object_type.lower()}-deleted", name)


def require_parents(call: Call, name: str) -> None:
    """404 for a catalog or schema that is not there; what schemas a shared catalog has is known by the share alone."""
    parts = name.split(".")
    if len(parts) > 1:
        catalog = call.state.find("catalog", call.metastore, parts[0])
        if catalog is None:
            raise errors.not_found("catalog", parts[0])
        if len(parts) > 2 and not catalog.get("share_name"):
            get(call, "schema", ".".join(parts[:2]))


def require_writable(call: Call, name: str) -> None:
    """403 for whatever lies in a catalog that comes from a share: it is read-only for everybody [DOC]."""
    catalog = call.state.find("catalog", call.metastore, name.partition(".")[0])
    if catalog and catalog.get("share_name"):
        message = f"'{name}' lies in a catalog that comes from a share, which is read-only."
        refused = call.world.settings.shared_write_status == 403
        raise errors.denied(message) if refused else errors.invalid(message)


def told(document: Document) -> dict[str, Any]:
    """The fields that every kind of object shows."""
    shown = ("owner", "comment", "created_at", "created_by", "updated_at", "updated_by")
    return {key: document.get(key) for key in shown}
