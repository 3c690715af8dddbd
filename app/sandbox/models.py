"""Which models and versions are there, seen from a workspace? The registry itself; two dialects speak it to clients.

Every look-up goes through `resolve()`: a model in a catalog from a share is the provider's, read-only, and its versions
are seen some seconds after they became ready.
"""

import re
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.sandbox import errors, grants, names, securables, storage, tags
from app.sandbox.state import Document
from app.sandbox.wire import Call
from app.sandbox.world import Place, now_ms

PENDING, READY = "PENDING_REGISTRATION", "READY"
_ALIAS = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True)
class Model:
    """`name` as the caller says it; `place` where it really lies; `document` what is kept there."""

    name: str
    place: Place
    document: Document


@dataclass(frozen=True)
class Version:
    """One version; `document` is what is kept of it."""

    model: Model
    number: int
    document: Document

    @property
    def aliases(self) -> list[str]:
        """The aliases that point here."""
        pointing = self.model.document["aliases"].items()
        return sorted(alias for alias, number in pointing if number == self.number)


def find(call: Call, full_name: str) -> Model:
    """The model, no right asked; 404 names the model or the missing parent."""
    found = securables.find_located(call, "MODEL", full_name)
    if found is None:
        raise errors.not_found("model", names.full(full_name, 3))
    return _as_seen(call, found)


def get(call: Call, full_name: str) -> Model:
    """The model, for whoever has EXECUTE and the USE privileges, or owns it."""
    model = find(call, full_name)
    call.require("EXECUTE", "function", model.name)
    return model


def get_own(call: Call, full_name: str) -> Model:
    """The model, for its owner to change: neither MANAGE nor owning a parent is enough [SDK].

    403 for everybody when it comes from a share.
    """
    model = find(call, full_name)
    securables.require_writable(call, model.name)
    call.require_use(model.name)
    if not call.is_admin and not call.owns("function", model.name):
        raise errors.denied(f"User is not an owner of Routine or Model '{model.name}'.")
    return model


def get_managed(call: Call, full_name: str) -> Model:
    """The model, for its owner or a holder of MANAGE to drop or to give another owner; 403 as in `get_own`."""
    model = find(call, full_name)
    securables.require_writable(call, model.name)
    call.require_owner("function", model.name, or_parent=True)
    return model


def list_all(call: Call, schema: str | None = None) -> list[Model]:
    """All models of the metastore, or of one schema, those of shared catalogs included; no right asked."""
    return [_as_seen(call, found) for found in securables.list_located(call, "MODEL", schema)]


def is_shared(call: Call, name: str) -> bool:
    """Whether the name lies in a catalog that comes from a share."""
    catalog = call.state.find("catalog", call.metastore, name.partition(".")[0])
    return bool(catalog and catalog.get("share_name"))


def create(call: Call, full_name: str, comment: str | None, wanted_tags: dict[str, str]) -> Model:
    """A new model of the caller; needs CREATE_MODEL or CREATE_FUNCTION on the schema and the USE privileges [SDK]."""
    *parents, own_name = full_name.lower().split(".")
    name = names.full(".".join([*parents, names.check(own_name, "CreateRegisteredModel", "model")]), 3)
    securables.require_parents(call, name)
    securables.require_writable(call, name)
    schema = name.rpartition(".")[0]
    call.require("USE_SCHEMA", "schema", schema)
    if not call.holds("CREATE_FUNCTION", "schema", schema):
        call.require("CREATE_MODEL", "schema", schema)
    # Models and functions share their names: both are functions to Unity Catalog [DOC].
    if any(call.state.find(kind, call.metastore, name) for kind in ("model", "routine")):
        raise errors.already_exists("model", name, call.world.settings.already_exists_status)
    document = securables.new(call, comment=comment, tags=tags.check(wanted_tags), aliases={})
    call.state.put("model", call.metastore, name, document)
    call.record("model-created", name)
    return Model(name, Place(call.metastore, name, read_only=False), document)


def change(call: Call, model: Model, **changes: Any) -> Model:
    """Write the model with these fields."""
    tags.check(changes.get("tags", {}))
    document = {**model.document, **changes, "updated_at": now_ms(), "updated_by": call.principal}
    call.state.put("model", call.metastore, model.name, document)
    return Model(model.name, model.place, document)


def drop(call: Call, name: str) -> None:
    """The model, its versions and files are gone; asks for no right."""
    document = securables.get(call, "model", name)
    storage.erase(storage.model_folder(call.world, call.metastore, document["id"]))
    for key, _ in call.state.list_all("model-version", call.metastore, f"{document['id']}/"):
        call.state.remove("model-version", call.metastore, key)
    grants.forget_assignments(call.state, call.metastore, "function", name)
    call.state.remove("model", call.metastore, name)
    call.record("model-deleted", name)


def create_version(call: Call, model: Model, **known: Any) -> Version:
    """The next version, waiting for its files; a number is never given twice."""
    tags.check(known.get("tags", {}))
    number = call.state.next_number(f"version/{model.document['id']}")
    now = now_ms()
    document = {
        "id": str(uuid.uuid4()),
        "status": PENDING,
        "ready_at": None,
        "tags": {},
        **known,
        "created_at": now,
        "created_by": call.principal,
        "updated_at": now,
        "updated_by": call.principal,
    }
    version = Version(model, number, document)
    _put_version(call, version)
    call.record("model-version-created", model.name, version=number, source=known.get("source"))
    return version


def finalize(call: Call, version: Version) -> Version:
    """The files are all there: ready to be loaded. Saying it twice changes nothing."""
    if version.document["status"] == READY:
        return version
    finalized = change_version(call, version, status=READY, ready_at=now_ms())
    call.record("model-version-ready", version.model.name, version=version.number)
    return finalized


def find_version(call: Call, model: Model, number: int) -> Version:
    """The version; 404 when there is none, or when it came into the share too late to be seen yet."""
    document = call.state.find("model-version", model.place.metastore, _key(model, number))
    if document is None or not _is_seen(model, document):
        raise errors.not_found("model version", f"{model.name}/{number}")
    return Version(model, number, _travelled(call, model, document))


def find_version_by_alias(call: Call, model: Model, alias: str) -> Version:
    """The version that the alias points to; 404 when there is no such alias."""
    number = model.document["aliases"].get(alias)
    if number is None:
        raise errors.not_found("alias", f"{model.name}@{alias}")
    return find_version(call, model, number)


def list_versions(call: Call, model: Model) -> list[Version]:
    """All that are seen, in no order that anybody could rely on [SDK]."""
    kept = call.state.list_all("model-version", model.place.metastore, f"{model.document['id']}/")
    found = [Version(model, int(key.rpartition("/")[2]), document) for key, document in kept]
    return sorted((one for one in found if _is_seen(model, one.document)), key=lambda one: str(one.document["id"]))


def change_version(call: Call, version: Version, **changes: Any) -> Version:
    """Write the version with these fields."""
    tags.check(changes.get("tags", {}))
    document = {**version.document, **changes, "updated_at": now_ms(), "updated_by": call.principal}
    changed = Version(version.model, version.number, document)
    _put_version(call, changed)
    return changed


def drop_version(call: Call, version: Version) -> None:
    """The version, its files and the aliases that point to it are gone."""
    model = version.model
    storage.erase(storage.model_folder(call.world, call.metastore, model.document["id"], version.number))
    call.state.remove("model-version", call.metastore, _key(model, version.number))
    aliases = {alias: number for alias, number in model.document["aliases"].items() if number != version.number}
    change(call, model, aliases=aliases)
    call.record("model-version-deleted", model.name, version=version.number)


def set_alias(call: Call, model: Model, alias: str, number: int) -> None:
    """Point the alias to the version, wherever it pointed before."""
    if not _ALIAS.fullmatch(alias):
        raise errors.invalid(f"Invalid alias name: '{alias}'")
    find_version(call, model, number)
    change(call, model, aliases={**model.document["aliases"], alias: number})
    call.record("alias-set", model.name, alias=alias, version=number)


def remove_alias(call: Call, model: Model, alias: str) -> None:
    """No such alias any more; 404 when there was none."""
    find_version_by_alias(call, model, alias)
    change(call, model, aliases={name: number for name, number in model.document["aliases"].items() if name != alias})
    call.record("alias-removed", model.name, alias=alias)


def list_unshared_dependencies(call: Call, version: Version) -> list[str]:
    """The tables and functions that a version depends on and that do not come along in its share: it cannot be served
    then [3P]. None for a version that is not seen through a share.
    """
    catalog = call.state.find("catalog", call.metastore, version.model.name.partition(".")[0]) or {}
    known = (version.document.get("model_version_dependencies") or {}).get("dependencies", [])
    if not catalog.get("share_name") or not known:
        return []
    shared = {
        place.name
        for object_type in ("TABLE", "FUNCTION")
        for _, place in call.world.list_shared_places(call.metastore, catalog, object_type)
    }
    return sorted(name for name in map(_dependency_name, known) if name and name.lower() not in shared)


def get_folder(call: Call, version: Version) -> Path:
    """Where the version's files lie."""
    place = version.model.place
    return storage.model_folder(call.world, place.metastore, version.model.document["id"], version.number)


def show_location(call: Call, model: Model, version: Version | None = None) -> str:
    """The cloud URI that is shown for the files of the model, or of one version."""
    below = (version.document["id"],) if version else ()
    return storage.show(call.world, model.place.metastore, "models", model.document["id"], *below)


def _as_seen(call: Call, found: securables.Located) -> Model:
    """Whether a provider's aliases are seen through a share nobody could verify."""
    if found.place.read_only and not call.world.settings.aliases_travel:
        return Model(found.name, found.place, {**found.document, "aliases": {}})
    return Model(*found)


def _travelled(call: Call, model: Model, document: Document) -> Document:
    """Whether the tags of a version are seen through a share nobody could verify."""
    if model.place.read_only and not call.world.settings.version_tags_travel:
        return {**document, "tags": {}}
    return document


def _is_seen(model: Model, document: Document) -> bool:
    if not model.place.read_only:
        return True
    return document["ready_at"] is not None and document["ready_at"] <= model.place.seen_until


def _dependency_name(dependency: Document) -> str | None:
    table, function = dependency.get("table") or {}, dependency.get("function") or {}
    name = table.get("table_full_name") or function.get("function_full_name")
    return str(name) if name else None


def _key(model: Model, number: int) -> str:
    return f"{model.document['id']}/{number:09d}"


def _put_version(call: Call, version: Version) -> None:
    call.state.put("model-version", call.metastore, _key(version.model, version.number), version.document)
