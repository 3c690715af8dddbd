"""On which metastore does this workspace sit? Its summary, assignment and sharing scope."""

from databricks.sdk.service.catalog import (
    DeltaSharingScopeEnum,
    GetMetastoreSummaryResponse,
    MetastoreAssignment,
    MetastoreInfo,
)

from app.sandbox import errors
from app.sandbox.wire import Call, Routes

routes = Routes()


@routes.get("/api/2.1/unity-catalog/metastore_summary")
def get_summary(call: Call) -> GetMetastoreSummaryResponse:
    """Any member may ask; `global_metastore_id` is the sharing identifier [SDK]."""
    metastore = call.workspace.metastore
    return GetMetastoreSummaryResponse(
        metastore_id=metastore.id,
        name=metastore.name,
        cloud=metastore.cloud,
        region=metastore.region,
        global_metastore_id=metastore.global_id,
        owner=metastore.admin,
        delta_sharing_scope=_read_scope(call),
        privilege_model_version="1.0",
    )


@routes.get("/api/2.1/unity-catalog/current-metastore-assignment")
def get_assignment(call: Call) -> MetastoreAssignment:
    """Which metastore this workspace is assigned to."""
    return MetastoreAssignment(
        metastore_id=call.workspace.metastore.id,
        workspace_id=int(call.workspace.id),
        default_catalog_name="main",
    )


@routes.patch(
    "/api/2.1/unity-catalog/metastores/{id}",
    body={
        "delta_sharing_scope": DeltaSharingScopeEnum,
        "delta_sharing_recipient_token_lifetime_in_seconds": int,
        **dict.fromkeys(("delta_sharing_organization_name", "new_name", "owner", "privilege_model_version"), str),
        "storage_root_credential_id": str,
        "external_access_enabled": bool,
    },
)
def update_metastore(call: Call) -> MetastoreInfo:
    """The metastore admin switches sharing outside the account on or off; the sandbox changes nothing else of it."""
    call.require_admin()
    metastore = call.workspace.metastore
    if call.params["id"] != metastore.id:
        raise errors.not_found("metastore", call.params["id"])
    others = set(call.body) - {"delta_sharing_scope", "delta_sharing_recipient_token_lifetime_in_seconds"}
    if others - set(call.params):
        raise errors.PlatformError(501, "NOT_IMPLEMENTED", f"The sandbox does not change {', '.join(sorted(others))}.")
    if "delta_sharing_scope" in call.body:
        call.state.put("sharing-scope", call.metastore, metastore.id, {"scope": call.body["delta_sharing_scope"]})
        call.record("sharing-scope-changed", metastore.name, scope=call.body["delta_sharing_scope"])
    return MetastoreInfo(metastore_id=metastore.id, name=metastore.name, delta_sharing_scope=_read_scope(call))


def shares_externally(call: Call) -> bool:
    """Whether recipients may belong to another account: as switched here, else as the setting has it."""
    return _read_scope(call) is DeltaSharingScopeEnum.INTERNAL_AND_EXTERNAL


def _read_scope(call: Call) -> DeltaSharingScopeEnum:
    switched = call.state.find("sharing-scope", call.metastore, call.workspace.metastore.id)
    if switched:
        return DeltaSharingScopeEnum(switched["scope"])
    external = call.world.settings.external_sharing
    return DeltaSharingScopeEnum.INTERNAL_AND_EXTERNAL if external else DeltaSharingScopeEnum.INTERNAL
