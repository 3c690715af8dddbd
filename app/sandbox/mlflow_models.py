"""How does mlflow's default client speak to the registry? The dialect under /api/2.0/mlflow/unity-catalog [MLF]."""

import re
from typing import Any

from mlflow.protos import databricks_uc_registry_messages_pb2 as messages

from app.sandbox import errors, models, shared_objects
from app.sandbox.models import Model, Version
from app.sandbox.pages import page
from app.sandbox.state import Document
from app.sandbox.unity_models import read_number, read_tags
from app.sandbox.wire import Call, Routes

routes = Routes()
BASE = "/api/2.0/mlflow/unity-catalog"
# How mlflow names what a version depends on, and the governance form of it; other types have none [MLF].
_GOVERNED = {
    "DATABRICKS_TABLE": ("table", "table_full_name"),
    "DATABRICKS_VECTOR_INDEX": ("table", "table_full_name"),
    "DATABRICKS_UC_FUNCTION": ("function", "function_full_name"),
    "DATABRICKS_UC_CONNECTION": ("connection", "connection_name"),
}
_NAME = re.compile(r"\s*name\s*=\s*['\"]([^'\"]+)['\"]\s*")


def _declared(message: Any, *required: str) -> dict[str, Any]:
    """The fields of mlflow's own message as a declaration, so that they cannot drift."""
    types: dict[str, Any] = {"version": str, "max_results": int, "tags": [{"key!": str, "value": str}]}
    types["model_version_dependencies"] = [{"type!": str, "name!": str}]
    fields = {field.name: types.get(field.name, object) for field in message.DESCRIPTOR.fields}
    return {f"{name}!" if name in required else name: kind for name, kind in fields.items()}


@routes.get(BASE + "/registered-models:is-databricks-sdk-models-artifact-repository-enabled")
def is_sdk_artifact_repository_enabled(call: Call) -> dict[str, Any]:
    """Yes: all artifacts go through the Files API."""
    return {"is_databricks_sdk_models_artifact_repository_enabled": True}


@routes.post(BASE + "/registered-models/create", body=_declared(messages.CreateRegisteredModelRequest, "name"))
def create_model(call: Call) -> dict[str, Any]:
    """RESOURCE_ALREADY_EXISTS is what `register_model` expects for a further version."""
    model = models.create(call, call.body["name"], call.body.get("description"), read_tags(call.body))
    return {"registered_model": _shape(model)}


@routes.get(BASE + "/registered-models/get", query=_declared(messages.GetRegisteredModelRequest, "name"))
def get_model(call: Call) -> dict[str, Any]:
    """With aliases and tags."""
    return {"registered_model": _shape(models.get(call, call.query["name"]))}


@routes.patch(BASE + "/registered-models/update", body=_declared(messages.UpdateRegisteredModelRequest, "name"))
def update_model(call: Call) -> dict[str, Any]:
    """The description; the sandbox knows no renaming."""
    if call.body.get("new_name"):
        raise errors.PlatformError(501, "NOT_IMPLEMENTED", "The sandbox does not rename models.")
    model = models.get_own(call, call.body["name"])
    return {"registered_model": _shape(models.change(call, model, comment=call.body.get("description")))}


@routes.delete(BASE + "/registered-models/delete", body=_declared(messages.DeleteRegisteredModelRequest, "name"))
def delete_model(call: Call) -> None:
    """With all its versions."""
    model = models.get_managed(call, call.body["name"])
    shared_objects.check_deletion(call, model.name)
    models.drop(call, model.name)


@routes.get(BASE + "/registered-models/search", query=_declared(messages.SearchRegisteredModelsRequest))
def search_models(call: Call) -> dict[str, Any]:
    """All that the caller may execute, without aliases and tags."""
    return page(
        call,
        "registered_models",
        models.list_all(call),
        lambda model: _without(_shape(model), "aliases", "tags"),
        visible=lambda model: call.holds("EXECUTE", "function", model.name),
        never_empty=True,
    )


@routes.post(BASE + "/model-versions/create", body=_declared(messages.CreateModelVersionRequest, "name", "source"))
def create_version(call: Call) -> dict[str, Any]:
    """The next version; its files follow through the Files API, then `finalize`."""
    model = models.get_own(call, call.body["name"])
    known = {key: call.body.get(key) for key in ("source", "run_id", "model_id", "run_tracking_server_id")}
    known["model_version_dependencies"] = _govern(call.body.get("model_version_dependencies", []))
    version = models.create_version(
        call, model, tags=read_tags(call.body), comment=call.body.get("description"), **known
    )
    return {"model_version": _shape_version(call, version)}


@routes.post(BASE + "/model-versions/finalize", body=_declared(messages.FinalizeModelVersionRequest, "name", "version"))
def finalize_version(call: Call) -> dict[str, Any]:
    """The files are all there."""
    return {"model_version": _shape_version(call, models.finalize(call, _find(call, call.body, own=True)))}


@routes.get(BASE + "/model-versions/get", query=_declared(messages.GetModelVersionRequest, "name", "version"))
def get_version(call: Call) -> dict[str, Any]:
    """With aliases and tags."""
    return {"model_version": _shape_version(call, _find(call, call.query, own=False))}


@routes.get(BASE + "/model-versions/search", query=_declared(messages.SearchModelVersionsRequest))
def search_versions(call: Call) -> dict[str, Any]:
    """Of one model, named by the filter; without aliases and tags."""
    found = _NAME.fullmatch(str(call.query.get("filter", "")))
    if not found:
        raise errors.invalid("Missing or invalid filter: only name = '<model name>' is supported.")
    versions = models.list_versions(call, models.get(call, found[1]))
    bare = [_without(_shape_version(call, version), "aliases", "tags") for version in versions]
    return page(call, "model_versions", bare, lambda version: version, never_empty=True)


@routes.patch(BASE + "/model-versions/update", body=_declared(messages.UpdateModelVersionRequest, "name", "version"))
def update_version(call: Call) -> dict[str, Any]:
    """The description."""
    version = models.change_version(call, _find(call, call.body, own=True), comment=call.body.get("description"))
    return {"model_version": _shape_version(call, version)}


@routes.delete(BASE + "/model-versions/delete", body=_declared(messages.DeleteModelVersionRequest, "name", "version"))
def delete_version(call: Call) -> None:
    """Its aliases go with it."""
    models.drop_version(call, _find(call, call.body, own=True))


@routes.get(
    BASE + "/model-versions/get-download-uri",
    query=_declared(messages.GetModelVersionDownloadUriRequest, "name", "version"),
)
def get_download_uri(call: Call) -> dict[str, Any]:
    """What is shown as the storage location."""
    version = _find(call, call.query, own=False)
    return {"artifact_uri": models.show_location(call, version.model, version)}


@routes.post(
    BASE + "/model-versions/emit-lineage", body=_declared(messages.EmitModelVersionLineageRequest, "name", "version")
)
def emit_lineage(call: Call) -> None:
    """Sent at every load, so loading needs EXECUTE here already; what it says is not kept."""
    _find(call, call.body, own=False)


@routes.post(
    BASE + "/registered-models/alias", body=_declared(messages.SetRegisteredModelAliasRequest, "name", "alias")
)
def set_alias(call: Call) -> None:
    """Moves the alias, or makes it."""
    model = models.get_own(call, call.body["name"])
    models.set_alias(call, model, call.body["alias"], read_number(call.body.get("version", "")))


@routes.delete(
    BASE + "/registered-models/alias", body=_declared(messages.DeleteRegisteredModelAliasRequest, "name", "alias")
)
def delete_alias(call: Call) -> None:
    """404 when there was none."""
    models.remove_alias(call, models.get_own(call, call.body["name"]), call.body["alias"])


@routes.get(BASE + "/registered-models/alias", query=_declared(messages.GetModelVersionByAliasRequest, "name", "alias"))
def get_version_by_alias(call: Call) -> dict[str, Any]:
    """The version that the alias points to."""
    model = models.get(call, call.query["name"])
    return {"model_version": _shape_version(call, models.find_version_by_alias(call, model, call.query["alias"]))}


@routes.post(BASE + "/registered-models/set-tag", body=_declared(messages.SetRegisteredModelTagRequest, "name", "key"))
def set_model_tag(call: Call) -> None:
    """One tag of a model."""
    model = models.get_own(call, call.body["name"])
    models.change(call, model, tags={**model.document["tags"], call.body["key"]: call.body.get("value", "")})


@routes.delete(
    BASE + "/registered-models/delete-tag", body=_declared(messages.DeleteRegisteredModelTagRequest, "name", "key")
)
def delete_model_tag(call: Call) -> None:
    """No matter whether it was there."""
    model = models.get_own(call, call.body["name"])
    models.change(call, model, tags=_without(model.document["tags"], call.body["key"]))


@routes.post(
    BASE + "/model-versions/set-tag", body=_declared(messages.SetModelVersionTagRequest, "name", "version", "key")
)
def set_version_tag(call: Call) -> None:
    """One tag of a version."""
    version = _find(call, call.body, own=True)
    tags = {**version.document["tags"], call.body["key"]: call.body.get("value", "")}
    models.change_version(call, version, tags=tags)


@routes.delete(
    BASE + "/model-versions/delete-tag",
    body=_declared(messages.DeleteModelVersionTagRequest, "name", "version", "key"),
)
def delete_version_tag(call: Call) -> None:
    """No matter whether it was there."""
    version = _find(call, call.body, own=True)
    models.change_version(call, version, tags=_without(version.document["tags"], call.body["key"]))


def _govern(dependencies: list[Document]) -> Document | None:
    found = []
    for dependency in dependencies:
        if dependency["type"] in _GOVERNED:
            kind, field = _GOVERNED[dependency["type"]]
            found.append({kind: {field: dependency["name"]}})
    return {"dependencies": found} if found else None


def _find(call: Call, given: Document, *, own: bool) -> Version:
    model = (models.get_own if own else models.get)(call, given["name"])
    return models.find_version(call, model, read_number(given["version"]))


def _shape(model: Model) -> Document:
    return {
        "name": model.name,
        "creation_timestamp": model.document["created_at"],
        "last_updated_timestamp": model.document["updated_at"],
        "user_id": model.document["owner"],
        "description": model.document["comment"] or "",
        "aliases": [{"alias": alias, "version": str(n)} for alias, n in sorted(model.document["aliases"].items())],
        "tags": _tell_tags(model.document),
    }


def _shape_version(call: Call, version: Version) -> Document:
    known = version.document
    shown = ("source", "run_id", "model_id", "run_tracking_server_id", "status")
    return {
        "name": version.model.name,
        "version": str(version.number),
        "creation_timestamp": known["created_at"],
        "last_updated_timestamp": known["updated_at"],
        "user_id": known["created_by"],
        "description": known["comment"] or "",
        "storage_location": models.show_location(call, version.model, version),
        "aliases": [{"alias": alias, "version": str(version.number)} for alias in version.aliases],
        "tags": _tell_tags(known),
        **{key: known[key] for key in shown if known.get(key)},
    }


def _tell_tags(document: Document) -> list[Document]:
    return [{"key": key, "value": value} for key, value in sorted(document["tags"].items())]


def _without(document: Document, *names: str) -> Document:
    return {key: value for key, value in document.items() if key not in names}
