"""How do the SDK and mlflow's native client speak to the registry? Models and versions under /api/2.1/unity-catalog."""

from typing import Any

from databricks.sdk.service.catalog import (
    DependencyList,
    ModelVersionInfo,
    ModelVersionInfoStatus,
    RegisteredModelAlias,
    RegisteredModelInfo,
)

from app.sandbox import errors, models, names, securables, shared_objects
from app.sandbox.fields import fields_of
from app.sandbox.models import Model, Version
from app.sandbox.pages import PAGED, page
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
BASE = "/api/2.1/unity-catalog"
MODEL = BASE + "/models/{full_name}"
VERSION = MODEL + "/versions/{version}"
ALIAS = MODEL + "/aliases/{alias}"
_VIEW = {"include_aliases": bool, "include_browse": bool}
_TAGS = [{"key!": str, "value": str}]
_TAG_CHANGES = {
    "changes!": {"add_tags": _TAGS, "remove": [str]},
    "securable_type": str,
    "securable_full_name": str,
    "subentity_name": str,
}


@routes.post(
    BASE + "/models",
    body={
        "name!": str,
        "catalog_name!": str,
        "schema_name!": str,
        "tags": _TAGS,
        "deployment_job_id": str,
        **{key: value for key, value in fields_of(RegisteredModelInfo).items() if not key.endswith("name")},
    },
)
def create_model(call: Call) -> dict[str, Any]:
    """The parts of the name come apart; what only answers carry (owner, times) is not read."""
    if call.body.get("storage_location"):
        raise errors.PlatformError(501, "NOT_IMPLEMENTED", "The sandbox knows no external locations.")
    parts = [names.check(call.body[key], "CreateRegisteredModel", "model") for key in ("catalog_name", "schema_name")]
    full_name = ".".join([*parts, names.check(call.body["name"], "CreateRegisteredModel", "model")])
    return _shape(call, models.create(call, full_name, call.body.get("comment"), read_tags(call.body)), aliases=False)


@routes.get(BASE + "/models", query={"catalog_name": str, "schema_name": str, "include_browse": bool, **PAGED})
def list_models(call: Call) -> dict[str, Any]:
    """Those that the caller may execute; a catalog needs its schema beside it [SDK]."""
    schema = None
    if ("catalog_name" in call.query) != ("schema_name" in call.query):
        raise errors.invalid("catalog_name and schema_name must be specified together.")
    if "catalog_name" in call.query:
        schema = names.full(f"{call.query['catalog_name']}.{call.query['schema_name']}", 2)
        securables.require_parents(call, f"{schema}.any")
    return page(
        call,
        "registered_models",
        models.list_all(call, schema),
        lambda model: _shape(call, model, aliases=False),
        visible=lambda model: call.holds("EXECUTE", "function", model.name),
        most=10000 if schema else 1000,
    )


@routes.get(MODEL, query=_VIEW)
def get_model(call: Call) -> dict[str, Any]:
    """Aliases come only when they are asked for [SDK]."""
    model = models.get(call, call.params["full_name"])
    return _shape(call, model, aliases=call.query.get("include_aliases", False))


@routes.patch(MODEL, body={**fields_of(RegisteredModelInfo), "new_name": str, "deployment_job_id": str})
def update_model(call: Call) -> dict[str, Any]:
    """The owner's to do; the sandbox changes comment and owner, and knows no renaming."""
    find = models.get_managed if call.body.keys() <= {*call.params, "owner"} else models.get_own
    model = find(call, call.params["full_name"])
    return _shape(call, models.change(call, model, **securables.changed(call, model.document)), aliases=False)


@routes.delete(MODEL, query={"force": bool})
def delete_model(call: Call) -> None:
    """With all its versions."""
    model = models.get_managed(call, call.params["full_name"])
    shared_objects.check_deletion(call, model.name)
    models.drop(call, model.name)


@routes.put(ALIAS, body={"version_num!": int})
def set_alias(call: Call) -> RegisteredModelAlias:
    """Moves the alias, or makes it."""
    model = models.get_own(call, call.params["full_name"])
    models.set_alias(call, model, call.params["alias"], call.body["version_num"])
    return _shape_alias(model, call.params["alias"], call.body["version_num"])


@routes.delete(ALIAS)
def delete_alias(call: Call) -> None:
    """404 when there was none."""
    models.remove_alias(call, models.get_own(call, call.params["full_name"]), call.params["alias"])


@routes.get(ALIAS, query=_VIEW)
def get_version_by_alias(call: Call) -> dict[str, Any]:
    """The version that the alias points to."""
    model = models.get(call, call.params["full_name"])
    version = models.find_version_by_alias(call, model, call.params["alias"])
    return _shape_version(call, version, aliases=call.query.get("include_aliases", False))


@routes.get(MODEL + "/versions", query={**PAGED, "include_browse": bool})
def list_versions(call: Call) -> dict[str, Any]:
    """Neither aliases, tags nor dependencies are in the entries, and they come in no order, never all at once [SDK]."""
    versions = models.list_versions(call, models.get(call, call.params["full_name"]))
    return page(call, "model_versions", versions, lambda version: _shape_info(call, version), most=1000)


@routes.get(VERSION, query=_VIEW)
def get_version(call: Call) -> dict[str, Any]:
    """Aliases come only when they are asked for [SDK]."""
    return _shape_version(call, _find(call, own=False), aliases=call.query.get("include_aliases", False))


@routes.patch(VERSION, body=fields_of(ModelVersionInfo))
def update_version(call: Call) -> dict[str, Any]:
    """The comment is all that can be changed."""
    version = _find(call, own=True)
    return _shape_version(
        call, models.change_version(call, version, **securables.changed(call, version.document)), aliases=False
    )


@routes.delete(VERSION)
def delete_version(call: Call) -> None:
    """Its aliases go with it [DOC]."""
    models.drop_version(call, _find(call, own=True))


@routes.post(
    BASE + "/models/versions",
    body={
        "model_name!": str,
        "catalog_name!": str,
        "schema_name!": str,
        "source!": str,
        "tags": _TAGS,
        **dict.fromkeys(("run_id", "comment", "model_id", "feature_deps", "run_tracking_server_id"), str),
        "model_version_dependencies": DependencyList,
    },
)
def create_version(call: Call) -> dict[str, Any]:
    """Mlflow's native client only; the files and `finalize` follow [MLF]."""
    full_name = ".".join(call.body[key] for key in ("catalog_name", "schema_name", "model_name"))
    kept = ("source", "run_id", "comment", "model_id", "run_tracking_server_id", "model_version_dependencies")
    known = {key: call.body.get(key) for key in kept}
    version = models.create_version(call, models.get_own(call, full_name), tags=read_tags(call.body), **known)
    return _shape_version(call, version, aliases=False)


@routes.patch(VERSION + "/finalize", body={})
def finalize_version(call: Call) -> dict[str, Any]:
    """The files are all there [MLF]."""
    return _shape_version(call, models.finalize(call, _find(call, own=True)), aliases=False)


@routes.patch(BASE + "/securable-tags/{securable_type}/{securable_full_name}", body=_TAG_CHANGES)
def change_model_tags(call: Call) -> None:
    """Tags of a model; the sandbox knows no tags of other objects [MLF]."""
    model = models.get_own(call, _read_tagged(call))
    models.change(call, model, tags=_apply(model.document["tags"], call.body["changes"]))


@routes.patch(BASE + "/subentity-tags/{securable_type}/{securable_full_name}/{subentity_name}", body=_TAG_CHANGES)
def change_version_tags(call: Call) -> None:
    """Tags of a version [MLF]."""
    model = models.get_own(call, _read_tagged(call))
    version = models.find_version(call, model, read_number(call.params["subentity_name"]))
    models.change_version(call, version, tags=_apply(version.document["tags"], call.body["changes"]))


def read_tags(body: Document) -> dict[str, str]:
    """The tags of a request, as the registry keeps them."""
    return {tag["key"]: tag.get("value", "") for tag in body.get("tags", [])}


def read_number(text: str) -> int:
    """The number of a version; 400 when it is none."""
    if not text.isdigit():
        raise errors.invalid(f"Invalid model version: '{text}'")
    return int(text)


def _find(call: Call, *, own: bool) -> Version:
    model = (models.get_own if own else models.get)(call, call.params["full_name"])
    return models.find_version(call, model, read_number(call.params["version"]))


def _read_tagged(call: Call) -> str:
    if call.params["securable_type"].upper() != "FUNCTION":
        raise errors.unimplemented("PATCH", call.request.url.path)
    return call.params["securable_full_name"]


def _apply(tags: dict[str, str], changes: Document) -> dict[str, str]:
    added = read_tags({"tags": changes.get("add_tags", [])})
    return {key: value for key, value in {**tags, **added}.items() if key not in changes.get("remove", [])}


def _shape(call: Call, model: Model, *, aliases: bool) -> dict[str, Any]:
    catalog, schema, name = model.name.split(".")
    pointing = sorted(model.document["aliases"].items()) if aliases else []
    info = RegisteredModelInfo(
        name=name,
        catalog_name=catalog,
        schema_name=schema,
        full_name=model.name,
        metastore_id=call.workspace.metastore.id,
        storage_location=models.show_location(call, model),
        aliases=[_shape_alias(model, alias, number) for alias, number in pointing] or None,
        **securables.told(model.document),
    )
    # The SDK's class knows no tags, mlflow's native client reads them here [MLF].
    return {**info.as_dict(), "id": model.document["id"], "tags": _tell_tags(model.document)}


def _shape_version(call: Call, version: Version, *, aliases: bool) -> dict[str, Any]:
    info = _shape_info(call, version)
    if aliases:
        info.aliases = [_shape_alias(version.model, alias, version.number) for alias in version.aliases]
    if dependencies := version.document.get("model_version_dependencies"):
        info.model_version_dependencies = DependencyList.from_dict(dependencies)
    extra = {"model_id": version.document["model_id"]} if version.document.get("model_id") else {}
    return {**info.as_dict(), **extra, "tags": _tell_tags(version.document)}


def _shape_info(call: Call, version: Version) -> ModelVersionInfo:
    catalog, schema, name = version.model.name.split(".")
    workspace = str(version.document.get("run_tracking_server_id") or "")
    shown = ("comment", "source", "run_id", "created_at", "created_by", "updated_at", "updated_by", "id")
    return ModelVersionInfo(
        catalog_name=catalog,
        schema_name=schema,
        model_name=name,
        version=version.number,
        status=ModelVersionInfoStatus(version.document["status"]),
        storage_location=models.show_location(call, version.model, version),
        metastore_id=call.workspace.metastore.id,
        run_workspace_id=int(workspace) if workspace.isdigit() else None,
        **{key: version.document.get(key) for key in shown},
    )


def _shape_alias(model: Model, alias: str, number: int) -> RegisteredModelAlias:
    catalog, schema, name = model.name.split(".")
    return RegisteredModelAlias(
        alias_name=alias, version_num=number, model_name=name, schema_name=schema, catalog_name=catalog
    )


def _tell_tags(document: Document) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in sorted(document["tags"].items())]
