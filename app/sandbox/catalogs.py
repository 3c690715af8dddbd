"""Which catalogs are there? Made (also from a provider's share), listed, changed and dropped."""

from typing import Any

from databricks.sdk.service.catalog import (
    CatalogInfo,
    CatalogIsolationMode,
    CatalogType,
    EnablePredictiveOptimization,
    EncryptionSettings,
    SecurableType,
)

from app.sandbox import errors, grants, names, schemas, securables, shared_objects
from app.sandbox.pages import PAGED, page
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
PATH = "/api/2.1/unity-catalog/catalogs"
_COMMON = {"comment": str, "options": dict, "properties": dict, "custom_max_retention_hours": int}


@routes.post(
    PATH,
    body={
        "name!": str,
        **_COMMON,
        "connection_name": str,
        "provider_name": str,
        "share_name": str,
        "storage_root": str,
        "managed_encryption_settings": EncryptionSettings,
    },
)
def create_catalog(call: Call) -> CatalogInfo:
    """Needs CREATE_CATALOG on the metastore, and for a share USE_PROVIDER too; the caller owns it [DOC]."""
    name = names.check(call.body["name"], "CreateCatalog", "catalog").lower()
    call.require_on_metastore("CREATE_CATALOG")
    if call.body.get("connection_name"):
        raise errors.PlatformError(501, "NOT_IMPLEMENTED", "The sandbox has no foreign catalogs.")
    shared = {key: call.body[key] for key in ("provider_name", "share_name") if key in call.body}
    if shared:
        _require_share(call, call.body.get("provider_name", ""), call.body.get("share_name", ""))
    if call.state.find("catalog", call.metastore, name):
        raise errors.already_exists("catalog", name, call.world.settings.already_exists_status)
    catalog = securables.new(call, **shared)
    call.state.put("catalog", call.metastore, name, catalog)
    call.record("catalog-created", name, **shared)
    if not shared:
        schemas.add(call, f"{name}.default")
    return _shape(call, name, catalog)


@routes.get(PATH, query={**PAGED, "include_browse": bool, "include_unbound": bool})
def list_catalogs(call: Call) -> dict[str, Any]:
    """Those that the caller owns or may use; all of them for the metastore admin [SDK]."""
    return page(
        call,
        "catalogs",
        call.state.list_all("catalog", call.metastore),
        lambda entry: _shape(call, *entry),
        visible=lambda entry: call.holds("USE_CATALOG", "catalog", entry[0]),
    )


@routes.get(PATH + "/{name}", query={"include_browse": bool})
def get_catalog(call: Call) -> CatalogInfo:
    """Needs USE_CATALOG or ownership."""
    name, catalog = _get(call)
    call.require("USE_CATALOG", "catalog", name)
    return _shape(call, name, catalog)


@routes.patch(
    PATH + "/{name}",
    body={
        **_COMMON,
        "new_name": str,
        "owner": str,
        "isolation_mode": CatalogIsolationMode,
        "enable_predictive_optimization": EnablePredictiveOptimization,
    },
)
def update_catalog(call: Call) -> CatalogInfo:
    """The owner's to do; the sandbox changes comment and owner, and knows no renaming."""
    name, catalog = _get(call)
    call.require_owner("catalog", name)
    catalog = securables.changed(call, catalog)
    call.state.put("catalog", call.metastore, name, catalog)
    return _shape(call, name, catalog)


@routes.delete(PATH + "/{name}", query={"force": bool})
def delete_catalog(call: Call) -> None:
    """Refused while schemas other than `default` are in it, unless by `force`; then all of it goes."""
    name, catalog = _get(call)
    call.require_owner("catalog", name)
    shared_objects.check_deletion(call, name)
    held = [] if catalog.get("share_name") else call.state.list_all("schema", call.metastore, f"{name}.")
    crowded = any(full_name != f"{name}.default" or schemas.is_full(call, full_name) for full_name, _ in held)
    if crowded and not call.query.get("force"):
        raise errors.PlatformError(400, "CATALOG_NOT_EMPTY", f"Catalog '{name}' is not empty.")
    for full_name, _ in held:
        schemas.drop(call, full_name)
    grants.forget_assignments(call.state, call.metastore, "catalog", name)
    call.state.remove("catalog", call.metastore, name)
    call.record("catalog-deleted", name)


def _require_share(call: Call, provider_name: str, share_name: str) -> None:
    """403 without USE_PROVIDER, 404 for a provider or a share that this metastore does not see (yet)."""
    call.require_on_metastore("USE_PROVIDER")
    provider = call.world.find_provider(call.metastore, provider_name)
    if provider is None:
        raise errors.not_found("provider", provider_name)
    settings = call.world.settings
    if not call.world.sees_share(call.metastore, provider.key, share_name):
        message = f"Share '{share_name}' does not exist."
        raise errors.PlatformError(404, settings.unknown_share_code, message)
    if settings.mount_once:
        for name, catalog in call.state.list_all("catalog", call.metastore):
            if (catalog.get("provider_name"), catalog.get("share_name")) == (provider_name, share_name):
                message = f"Share '{share_name}' is in use by catalog '{name}' already."
                raise errors.PlatformError(settings.already_exists_status, "CATALOG_ALREADY_EXISTS", message)


def _get(call: Call) -> tuple[str, Document]:
    name = names.full(call.params["name"], 1)
    return name, securables.get(call, "catalog", name)


def _shape(call: Call, name: str, catalog: Document) -> CatalogInfo:
    shared = catalog.get("share_name") is not None
    return CatalogInfo(
        name=name,
        full_name=name,
        catalog_type=CatalogType.DELTASHARING_CATALOG if shared else CatalogType.MANAGED_CATALOG,
        provider_name=catalog.get("provider_name"),
        share_name=catalog.get("share_name"),
        metastore_id=call.workspace.metastore.id,
        securable_type=SecurableType.CATALOG,
        isolation_mode=CatalogIsolationMode.OPEN,
        **securables.told(catalog),
    )
