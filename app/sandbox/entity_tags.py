"""Which tags has an object of Unity Catalog? One API for all kinds; those of models are the registry's own tags."""

from typing import Any, NamedTuple

from databricks.sdk.service.catalog import EntityTagAssignment

from app.sandbox import errors, models, names, securables, tags
from app.sandbox.fields import fields_of
from app.sandbox.pages import PAGED, page
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
BASE = "/api/2.1/unity-catalog/entity-tag-assignments"
TAGS = BASE + "/{entity_type}/{entity_name}/tags"
TAG = TAGS + "/{tag_key}"
# The type in the path, the kind of document, the parts of the name, the privilege that reads it [SDK].
_TYPES = {
    "catalogs": ("catalog", 1, "USE_CATALOG"),
    "schemas": ("schema", 2, "USE_SCHEMA"),
    "tables": ("table", 3, "SELECT"),
    "volumes": ("volume", 3, "READ_VOLUME"),
}


class Tagged(NamedTuple):
    """An object that can have tags: its kind for grants, the kind of its document, its name, what is kept of it."""

    securable: str
    kept_as: str
    name: str
    document: Document


@routes.post(BASE, body=fields_of(EntityTagAssignment))
def create_tag(call: Call) -> dict[str, Any]:
    """For owners and holders of APPLY_TAG; a key that is there already is refused [SDK; the refusal is assumed]."""
    for field in ("entity_type", "entity_name", "tag_key"):
        if not call.body.get(field):
            raise errors.invalid(f"Missing required field: {field}")
    tagged = _find(call, call.body["entity_type"], call.body["entity_name"], writing=True)
    key = call.body["tag_key"]
    if key in tagged.document.get("tags", {}):
        raise errors.already_exists("tag", key, call.world.settings.already_exists_status)
    return _set(call, tagged, call.body["entity_type"], key)


@routes.get(TAGS, query=PAGED)
def list_tags(call: Call) -> dict[str, Any]:
    """Those of one object."""
    kind, name = call.params["entity_type"], call.params["entity_name"]
    known = sorted(_find(call, kind, name, writing=False).document.get("tags", {}).items())
    return page(call, "tag_assignments", known, lambda entry: _shape(kind, name, *entry))


@routes.get(TAG)
def get_tag(call: Call) -> dict[str, Any]:
    """One of them; 404 when there is none of this key."""
    kind, name, key = (call.params[field] for field in ("entity_type", "entity_name", "tag_key"))
    return _shape(kind, name, key, _get_value(_find(call, kind, name, writing=False), key))


@routes.patch(TAG, body=fields_of(EntityTagAssignment), query={"update_mask!": str})
def update_tag(call: Call) -> dict[str, Any]:
    """Another value for a key that is there."""
    if call.query["update_mask"] not in {"tag_value", "*"}:
        raise errors.invalid("Only tag_value can be updated.")
    tagged = _find(call, call.params["entity_type"], call.params["entity_name"], writing=True)
    _get_value(tagged, call.params["tag_key"])
    return _set(call, tagged, call.params["entity_type"], call.params["tag_key"])


@routes.delete(TAG)
def delete_tag(call: Call) -> None:
    """404 when there was none of this key."""
    tagged = _find(call, call.params["entity_type"], call.params["entity_name"], writing=True)
    key = call.params["tag_key"]
    _get_value(tagged, key)
    _put(call, tagged, {name: value for name, value in tagged.document["tags"].items() if name != key})


def _find(call: Call, entity_type: str, full_name: str, *, writing: bool) -> Tagged:
    models_are = call.world.settings.model_entity_type
    if entity_type == models_are:
        model = models.get(call, full_name) if not writing else models.find(call, full_name)
        tagged = Tagged("function", "model", model.name, model.document)
    elif entity_type in _TYPES:
        kind, parts, reading = _TYPES[entity_type]
        name = names.full(full_name, parts)
        tagged = Tagged(kind, kind, name, securables.get(call, kind, name))
        if not writing:
            call.require(reading, kind, name)
    else:
        known = ", ".join([*_TYPES, models_are])
        raise errors.invalid(f"Invalid entity type '{entity_type}'. Expected one of: {known}")
    if writing:
        securables.require_writable(call, tagged.name)
        if not call.holds("APPLY_TAG", tagged.securable, tagged.name):
            call.require_owner(tagged.securable, tagged.name)
    return tagged


def _get_value(tagged: Tagged, key: str) -> str:
    value = tagged.document.get("tags", {}).get(key)
    if value is None:
        raise errors.not_found("tag", key)
    return str(value)


def _set(call: Call, tagged: Tagged, entity_type: str, key: str) -> dict[str, Any]:
    value = call.body.get("tag_value") or ""
    _put(call, tagged, tags.check({**tagged.document.get("tags", {}), key: value}))
    return _shape(entity_type, tagged.name, key, value)


def _put(call: Call, tagged: Tagged, wanted: dict[str, str]) -> None:
    call.state.put(tagged.kept_as, call.metastore, tagged.name, {**tagged.document, "tags": wanted})
    call.record("tags-changed", tagged.name, tags=wanted)


def _shape(entity_type: str, name: str, key: str, value: str) -> dict[str, Any]:
    return EntityTagAssignment(entity_name=name, tag_key=key, entity_type=entity_type, tag_value=value).as_dict()
