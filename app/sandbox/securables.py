"""What do catalogs, schemas, volumes and models have in common? Owner, comment, times, parents that must be there."""

import uuid
from typing import Any

from app.sandbox import errors, names
from app.sandbox.state import Document
from app.sandbox.wire import Call
from app.sandbox.world import now_ms


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
        raise errors.denied(f"'{name}' lies in a catalog that comes from a share, which is read-only.")


def told(document: Document) -> dict[str, Any]:
    """The fields that every kind of object shows."""
    shown = ("owner", "comment", "created_at", "created_by", "updated_at", "updated_by")
    return {key: document.get(key) for key in shown}
