"""What lies in a share? Registered models, whole, each under the name that recipients see."""

import re

from databricks.sdk.service.sharing import (
    SharedDataObject,
    SharedDataObjectDataObjectType,
    SharedDataObjectStatus,
    SharedDataObjectUpdateAction,
)

from app.sandbox import errors
from app.sandbox.state import Document
from app.sandbox.wire import Call
from app.sandbox.world import now_ms

_ALIAS = re.compile(r"[A-Za-z0-9_]+\.[A-Za-z0-9_]+")
# What the platform takes for other kinds of objects only [SDK].
_NOT_FOR_MODELS = ("shared_as", "content", "partitions", "cdf_enabled", "history_data_sharing_status", "start_version")


def apply(call: Call, share_name: str, share: Document, update: Document) -> None:
    """Add, remove or change one object of the share document; whose right that is was asked before."""
    wanted = update.get("data_object") or {}
    action, model = update.get("action"), wanted.get("name", "")
    if wanted.get("data_object_type") != "MODEL":
        kind = wanted.get("data_object_type")
        raise errors.PlatformError(501, "NOT_IMPLEMENTED", f"The sandbox shares models only, not {kind} '{model}'.")
    for field in _NOT_FOR_MODELS:
        if field in wanted:
            raise errors.invalid(f"Field '{field}' does not apply to a shared object of type MODEL.")
    entry = next((entry for entry in share["objects"] if entry["name"] == model), None)
    if action == SharedDataObjectUpdateAction.ADD.value:
        if entry is not None:
            raise _shared_already(call, model)
        share["objects"].append(_new_entry(call, share, wanted))
        call.record("share-object-added", share_name, object=model)
        return
    if entry is None:
        raise errors.PlatformError(404, "RESOURCE_DOES_NOT_EXIST", f"Shared Model '{model}' does not exist")
    if action == SharedDataObjectUpdateAction.REMOVE.value:
        share["objects"].remove(entry)
        call.record("share-object-removed", share_name, object=model)
    else:
        others = {**share, "objects": [other for other in share["objects"] if other is not entry]}
        alias = wanted.get("string_shared_as", entry["string_shared_as"])
        entry["string_shared_as"] = _check_alias(call, others, alias)
        entry["comment"] = wanted.get("comment", entry["comment"])


def _new_entry(call: Call, share: Document, wanted: Document) -> Document:
    model = wanted["name"]
    if model.count(".") != 2 or "/" in model:
        raise errors.invalid(f"'{model}' is not the full name of a model; models are shared whole, never a version.")
    place = call.world.resolve(call.metastore, model)
    if place is None or place.read_only:
        raise errors.invalid(f"Model '{model}' comes from a share; what was received cannot be shared again.")
    if call.state.find("model", call.metastore, model) is None:
        raise errors.not_found("model", model)
    call.require("EXECUTE", "function", model)
    return {
        "name": model,
        "data_object_type": "MODEL",
        "string_shared_as": _check_alias(call, share, wanted.get("string_shared_as") or model.partition(".")[2]),
        "comment": wanted.get("comment"),
        "added_at": now_ms(),
        "added_by": call.principal,
    }


def _check_alias(call: Call, share: Document, alias: str) -> str:
    if not _ALIAS.fullmatch(alias):
        raise errors.invalid(f"'{alias}' is not a valid string_shared_as: it is schema.model, letters, digits and _.")
    if any(entry["string_shared_as"] == alias for entry in share["objects"]):
        raise _shared_already(call, alias)
    return alias


def _shared_already(call: Call, name: str) -> errors.PlatformError:
    status = call.world.settings.already_exists_status
    return errors.PlatformError(status, "RESOURCE_ALREADY_EXISTS", f"Shared Model '{name}' already exists")


def shape(call: Call, share: Document, entry: Document) -> SharedDataObject:
    """The entry as the platform shows it; PERMISSION_DENIED once the share's owner lost the right to it [DOC]."""
    shown = call.world.owner_may_share(call.metastore, share, entry)
    return SharedDataObject(
        name=entry["name"],
        data_object_type=SharedDataObjectDataObjectType(entry["data_object_type"]),
        string_shared_as=entry["string_shared_as"],
        comment=entry["comment"],
        added_at=entry["added_at"],
        added_by=entry["added_by"],
        status=SharedDataObjectStatus.ACTIVE if shown else SharedDataObjectStatus.PERMISSION_DENIED,
    )
