"""What is shared with this metastore, and by whom? The consumer's side: providers and their shares.

No provider is ever stored: there is one for each metastore that has a recipient for this one (see world.py).
"""

import uuid
from typing import Any

from databricks.sdk.service.sharing import (
    AuthenticationType,
    DeltaSharingFunction,
    ListProviderShareAssetsResponse,
    ProviderInfo,
    ProviderShare,
    Share,
    SharedSecurableKind,
    Table,
)

from app.sandbox import errors, grants
from app.sandbox.pages import PAGED, page
from app.sandbox.securables import DOCUMENTS
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes
from app.sandbox.world import SELF, Metastore, get_alias

routes = Routes()
BASE = "/api/2.1/unity-catalog/providers"
_ASSETS = "/api/2.1/data-sharing/providers/{name}/shares/{share_name}"


@routes.get(BASE, query={**PAGED, "data_provider_global_metastore_id": str})
def list_providers(call: Call) -> dict[str, Any]:
    """All with USE_PROVIDER on the metastore, else none; `self` is never listed."""
    wanted = call.query.get("data_provider_global_metastore_id")
    found = [provider for provider in call.world.list_providers(call.metastore) if wanted in (None, provider.global_id)]
    return page(call, "providers", found, lambda found: _shape(call, found), lambda _: _may_use(call))


@routes.get(BASE + "/{name}")
def get_provider(call: Call) -> ProviderInfo:
    """One, `self` among them."""
    return _shape(call, _find(call, call.params["name"]), call.params["name"])


@routes.get(BASE + "/{name}/shares", query=PAGED)
def list_shares(call: Call) -> dict[str, Any]:
    """The provider's shares on which this metastore has SELECT, once that is visible."""
    provider = _find(call, call.params["name"])
    found = [
        name
        for name, _ in call.state.list_all("share", provider.key)
        if call.world.sees_share(call.metastore, provider.key, name)
    ]
    return page(call, "shares", found, lambda name: ProviderShare(name=name))


@routes.get(
    _ASSETS,
    query=dict.fromkeys(
        ("function_max_results", "notebook_max_results", "table_max_results", "volume_max_results"), int
    ),
)
def list_assets(call: Call) -> ListProviderShareAssetsResponse:
    """What lies in the share; models are among the functions [INF from the SDK's types]."""
    provider = _find(call, call.params["name"])
    share_name = call.params["share_name"]
    if not call.world.sees_share(call.metastore, provider.key, share_name):
        raise errors.not_found("share", share_name)
    found = [
        (entry, document)
        for entry in call.world.list_shared_objects(call.metastore, provider.key, share_name)
        if (document := call.state.find(DOCUMENTS[entry["data_object_type"]], provider.key, entry["name"]))
    ]
    tables = [one for one in found if one[0]["data_object_type"] == "TABLE"]
    settings = call.world.settings
    told = {"FUNCTION", "MODEL"} if settings.assets_list_models else {"FUNCTION"}
    functions = [one for one in found if one[0]["data_object_type"] in told]
    return ListProviderShareAssetsResponse(
        share=Share(id=str(uuid.uuid5(uuid.UUID(provider.id), share_name)), name=share_name),
        tables=[Table.from_dict(_tell(share_name, *one)) for one in tables[: call.query.get("table_max_results")]],
        functions=[
            DeltaSharingFunction.from_dict(_tell_function(share_name, *one, aliases_travel=settings.aliases_travel))
            for one in functions[: call.query.get("function_max_results")]
        ],
    )


def _find(call: Call, name: str) -> Metastore:
    if not _may_use(call) and name != SELF:
        raise errors.lacking("USE_PROVIDER", "provider", name)
    provider = call.world.find_provider(call.metastore, name)
    if provider is None:
        raise errors.not_found("provider", name)
    return provider


def _may_use(call: Call) -> bool:
    return grants.holds(
        call.state, call.metastore, call.principal, "USE_PROVIDER", "metastore", call.workspace.metastore.id
    )


def _shape(call: Call, provider: Metastore, name: str | None = None) -> ProviderInfo:
    return ProviderInfo(
        name=name or provider.provider_name,
        authentication_type=AuthenticationType.DATABRICKS,
        data_provider_global_metastore_id=provider.global_id,
        cloud=provider.cloud,
        region=provider.region,
        metastore_id=provider.id,
        owner=call.workspace.metastore.admin,
    )


def _tell(share_name: str, entry: Document, document: Document) -> dict[str, Any]:
    schema, _, name = get_alias(entry).partition(".")
    tags = [{"key": key, "value": value} for key, value in sorted(document.get("tags", {}).items())]
    known = {"id": document["id"], "comment": entry["comment"], "tags": tags}
    return {"name": name, "schema": schema, "share": share_name, **known}


def _tell_function(share_name: str, entry: Document, document: Document, *, aliases_travel: bool) -> dict[str, Any]:
    told = _tell(share_name, entry, document)
    if entry["data_object_type"] == "FUNCTION":
        definition = document["definition"]
        shown = ("data_type", "full_data_type", "input_params", "properties", "routine_definition")
        kind = SharedSecurableKind.FUNCTION_STANDARD
        return {**told, **{key: definition.get(key) for key in shown}, "securable_kind": kind.value}
    seen = sorted(document["aliases"].items()) if aliases_travel else []
    aliases = [{"alias_name": alias, "version_num": number} for alias, number in seen]
    return {**told, "aliases": aliases, "securable_kind": SharedSecurableKind.FUNCTION_REGISTERED_MODEL.value}
