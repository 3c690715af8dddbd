"""What do others tell Unity Catalog of where its objects come from? External metadata, tied to model versions."""

import uuid
from typing import Any

from databricks.sdk.service.catalog import (
    CreateRequestExternalLineage,
    ExternalLineageExternalMetadata,
    ExternalLineageInfo,
    ExternalLineageModelVersion,
    ExternalLineageObject,
    ExternalLineageRelationship,
    ExternalLineageRelationshipInfo,
    ExternalMetadata,
    LineageDirection,
)

from app.sandbox import errors, models, names
from app.sandbox.fields import fields_of
from app.sandbox.pages import page
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
METADATA, LINEAGE = "/api/2.0/lineage-tracking/external-metadata", "/api/2.0/lineage-tracking/external-lineage"
_OBJECT = "object_info."


@routes.post(METADATA, body={**fields_of(ExternalMetadata), "name!": str, "entity_type!": str})
def create_metadata(call: Call) -> ExternalMetadata:
    """Needs CREATE_EXTERNAL_METADATA on the metastore [SDK]; the caller owns it."""
    name = names.check(call.body["name"], "CreateExternalMetadata", "external metadata")
    call.require_on_metastore("CREATE_EXTERNAL_METADATA")
    if call.state.find("external-metadata", call.metastore, name):
        raise errors.already_exists("external metadata", name, call.world.settings.already_exists_status)
    document = {**call.body, "id": str(uuid.uuid4()), "owner": call.principal}
    call.state.put("external-metadata", call.metastore, name, document)
    call.record("external-metadata-created", name)
    return ExternalMetadata.from_dict(document)


@routes.get(METADATA + "/{name}")
def get_metadata(call: Call) -> ExternalMetadata:
    """Everybody's to see: BROWSE is given to all account users [SDK]."""
    return ExternalMetadata.from_dict(_get_metadata(call, call.params["name"]))


@routes.post(LINEAGE, body={**fields_of(CreateRequestExternalLineage), "source!": ExternalLineageObject})
def create_relationship(call: Call) -> ExternalLineageRelationship:
    """From external metadata to a model version, by whoever owns both; not into a catalog from a share (a setting)."""
    source = ((call.body["source"].get("external_metadata") or {}).get("name")) or ""
    target = (call.body.get("target") or {}).get("model_version") or {}
    if not source or not target:
        raise errors.unimplemented("POST", f"{LINEAGE} but from external_metadata to model_version")
    if _get_metadata(call, source)["owner"] != call.principal and not call.is_admin:
        raise errors.lacking("MODIFY", "external metadata", source)
    model = _find_version(call, str(target.get("name", "")), str(target.get("version", ""))).model
    if model.place.read_only and not call.world.settings.lineage_into_shared:
        raise errors.lacking("MODIFY", "model", model.name)
    call.require_owner("function", model.name)
    key = f"{model.name}/{target['version']}<{source}"
    if call.state.find("external-lineage", call.metastore, key):
        raise errors.already_exists("external lineage", key, call.world.settings.already_exists_status)
    document = {"id": str(uuid.uuid4()), "source": source, "properties": call.body.get("properties") or {}}
    call.state.put("external-lineage", call.metastore, key, document)
    call.record("external-lineage-created", key)
    return ExternalLineageRelationship.from_dict(_tell(key, document))


@routes.get(
    LINEAGE,
    query={
        **{f"{_OBJECT}model_version.{part}": str for part in ("name", "version")},
        "lineage_direction!": LineageDirection,
        "page_size": int,
        "page_token": str,
    },
)
def list_relationships(call: Call) -> dict[str, Any]:
    """What was told of where a model version comes from; the other direction is not kept."""
    model, version = (call.query.get(f"{_OBJECT}model_version.{part}", "") for part in ("name", "version"))
    known = f"{_find_version(call, model, version).model.name}/{version}<"
    found = call.state.list_all("external-lineage", call.metastore, known)
    if call.query["lineage_direction"] != LineageDirection.UPSTREAM.value:
        found = []
    return page(call, "external_lineage_relationships", found, lambda one: _shape(*one), size_name="page_size")


def _get_metadata(call: Call, name: str) -> Document:
    document = call.state.find("external-metadata", call.metastore, name)
    if document is None:
        raise errors.not_found("external metadata", name)
    return document


def _find_version(call: Call, name: str, number: str) -> models.Version:
    if not number.isdigit():
        raise errors.invalid(f"Invalid version: '{number}'")
    return models.find_version(call, models.get(call, name), int(number))


def _shape(key: str, document: Document) -> ExternalLineageInfo:
    return ExternalLineageInfo(external_lineage_info=ExternalLineageRelationshipInfo.from_dict(_tell(key, document)))


def _tell(key: str, document: Document) -> Document:
    model, _, version = key.partition("<")[0].rpartition("/")
    source = ExternalLineageObject(external_metadata=ExternalLineageExternalMetadata(document["source"]))
    target = ExternalLineageObject(model_version=ExternalLineageModelVersion(model, version))
    return {**document, "source": source.as_dict(), "target": target.as_dict()}
