"""What lies in a share? Registered models (whole), tables and functions, each under the name that recipients see."""

import re
from dataclasses import dataclass
from typing import Any

from databricks.sdk.service.sharing import SharedDataObject, SharedDataObjectStatus, SharedDataObjectUpdateAction

from app.sandbox import errors, quotas, securables
from app.sandbox.state import Document
from app.sandbox.wire import Call
from app.sandbox.world import SHOWING, get_alias, now_ms

_ALIAS = re.compile(r"[A-Za-z0-9_]+\.[A-Za-z0-9_]+")
_HISTORY = ("cdf_enabled", "history_data_sharing_status", "start_version")


@dataclass(frozen=True)
class _Kind:
    """`alias` is the field of the name that recipients see; `options` may be given beside it, all else is refused."""

    title: str
    alias: str
    missing: str
    options: tuple[str, ...] = ()


_KINDS = {
    "MODEL": _Kind("Model", "string_shared_as", "model"),
    "FUNCTION": _Kind("Function", "string_shared_as", "function"),
    "TABLE": _Kind("Table", "shared_as", "table", _HISTORY),
}
# What the platform takes for some kinds of objects only [SDK].
_PARTICULAR = {"shared_as", "string_shared_as", "content", "partitions", *_HISTORY}


def apply(call: Call, share_name: str, share: Document, update: Document) -> None:
    """Add, remove or change one object of the share document; whose right that is was asked before."""
    wanted = update.get("data_object") or {}
    action, name, object_type = update.get("action"), wanted.get("name", ""), wanted.get("data_object_type")
    kind = _KINDS.get(object_type or "")
    if kind is None:
        message = f"The sandbox shares models, tables and functions only, not {object_type} '{name}'."
        raise errors.PlatformError(501, "NOT_IMPLEMENTED", message)
    for field in sorted(_PARTICULAR - {kind.alias, *kind.options}):
        if field in wanted:
            raise errors.invalid(f"Field '{field}' does not apply to a shared object of type {object_type}.")
    entry = next((entry for entry in share["objects"] if _key(entry) == (object_type, name)), None)
    if action == SharedDataObjectUpdateAction.ADD.value:
        if entry is not None:
            raise _shared_already(call, kind, name)
        share["objects"].append(_new_entry(call, share, wanted, kind))
        call.record("share-object-added", share_name, object=name)
        return
    if entry is None:
        raise errors.PlatformError(404, "RESOURCE_DOES_NOT_EXIST", f"Shared {kind.title} '{name}' does not exist")
    if action == SharedDataObjectUpdateAction.REMOVE.value:
        share["objects"].remove(entry)
        call.record("share-object-removed", share_name, object=name)
    else:
        others = {**share, "objects": [other for other in share["objects"] if other is not entry]}
        entry[kind.alias] = _check_alias(call, others, object_type, wanted.get(kind.alias) or get_alias(entry))
        entry.update({key: wanted[key] for key in ("comment", *kind.options) if key in wanted})


def shape(call: Call, share: Document, entry: Document) -> SharedDataObject:
    """The entry as the platform shows it; PERMISSION_DENIED once the share's owner lost the right to it [DOC]."""
    shown = call.world.owner_may_share(call.metastore, share, entry)
    status = SharedDataObjectStatus.ACTIVE if shown else SharedDataObjectStatus.PERMISSION_DENIED
    return SharedDataObject.from_dict({**entry, "status": status.value})


def check_deletion(call: Call, name: str) -> None:
    """Refuse to delete what an active share shows, or a parent of it, where the platform is told to protect that."""
    if not call.world.settings.block_shared_deletes:
        return
    for share_name, share in call.state.list_all("share", call.metastore):
        if share["recipients"] and any(_lies_in(entry, name) for entry in share["objects"]):
            message = f"'{name}' cannot be deleted: it is shared in the active share '{share_name}'."
            raise errors.PlatformError(400, "DELTA_SHARING_SECURABLE_DELETE_BLOCKED", message)


def cascade(call: Call, parent: str) -> None:
    """What lay in a catalog or schema that is dropped leaves all shares, and cannot be added to them again [DOC]."""
    for share_name, share in call.state.list_all("share", call.metastore):
        gone = [entry for entry in share["objects"] if _lies_in(entry, parent)]
        if gone:
            share["objects"] = [entry for entry in share["objects"] if entry not in gone]
            if call.world.settings.bar_after_cascade:
                share["barred"] = sorted({*share.get("barred", []), *(entry["name"] for entry in gone)})
            call.state.put("share", call.metastore, share_name, share)
            call.record("share-object-removed", share_name, objects=[entry["name"] for entry in gone])


def _lies_in(entry: Document, name: str) -> bool:
    return bool(entry["name"] == name or entry["name"].startswith(f"{name}."))


def _new_entry(call: Call, share: Document, wanted: Document, kind: _Kind) -> Document:
    name, object_type = wanted["name"], wanted["data_object_type"]
    if name.count(".") != 2 or "/" in name:
        whole = "; models are shared whole, never a version" if object_type == "MODEL" else ""
        raise errors.invalid(f"'{name}' is not the full name of a {kind.title.lower()}{whole}.")
    securables.require_parents(call, name)
    place = call.world.resolve(call.metastore, name, object_type)
    if place is None or place.read_only:
        raise errors.invalid(f"{kind.title} '{name}' comes from a share; what was received cannot be shared again.")
    if call.state.find(securables.DOCUMENTS[object_type], call.metastore, name) is None:
        raise errors.not_found(kind.missing, name)
    privilege, securable = SHOWING[object_type]
    call.require(privilege, securable, name)
    if name in share.get("barred", []):
        message = f"{kind.title} '{name}' cannot be added again: it left the share with its catalog or schema."
        raise errors.invalid(message)
    held = sum(entry["data_object_type"] == object_type for entry in share["objects"])
    quotas.check(call, f"shared {kind.title.lower()}s", held, call.world.settings.objects_per_share)
    alias = wanted.get(kind.alias) or name.partition(".")[2]
    return {
        "name": name,
        "data_object_type": object_type,
        kind.alias: _check_alias(call, share, object_type, alias),
        "comment": wanted.get("comment"),
        **{key: wanted[key] for key in kind.options if key in wanted},
        "added_at": now_ms(),
        "added_by": call.principal,
    }


def _check_alias(call: Call, share: Document, object_type: Any, alias: str) -> str:
    kind = _KINDS[object_type]
    if not _ALIAS.fullmatch(alias):
        what = f"schema.{kind.title.lower()}, letters, digits and _"
        raise errors.invalid(f"'{alias}' is not a valid {kind.alias}: it is {what}.")
    if any((entry["data_object_type"], get_alias(entry)) == (object_type, alias) for entry in share["objects"]):
        raise _shared_already(call, kind, alias)
    return alias


def _shared_already(call: Call, kind: _Kind, name: str) -> errors.PlatformError:
    status = call.world.settings.already_exists_status
    return errors.PlatformError(status, "RESOURCE_ALREADY_EXISTS", f"Shared {kind.title} '{name}' already exists")


def _key(entry: Document) -> tuple[str, str]:
    return entry["data_object_type"], entry["name"]
