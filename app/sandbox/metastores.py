"""On which metastore does this workspace sit? Its summary (with the sharing identifier) and the assignment."""

from databricks.sdk.service.catalog import (
    DeltaSharingScopeEnum,
    GetMetastoreSummaryResponse,
    MetastoreAssignment,
)

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
        delta_sharing_scope=DeltaSharingScopeEnum.INTERNAL_AND_EXTERNAL
        if call.world.settings.external_sharing
        else DeltaSharingScopeEnum.INTERNAL,
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
