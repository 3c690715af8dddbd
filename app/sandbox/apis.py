"""Which Databricks APIs does the sandbox answer, and which of them have something to start, stop or empty?

To add one: import its file, name its routes in ROUTES, and its hooks (functions of the world) where it has any.
"""

import shutil
from collections.abc import Callable

from app.sandbox import (
    catalogs,
    clusters,
    deployments,
    discovery,
    endpoint_permissions,
    entity_tags,
    experiment_permissions,
    external_lineage,
    files,
    functions,
    groups,
    invocations,
    jobs,
    metastores,
    mlflow_models,
    model_servers,
    oauth,
    permissions,
    processes,
    providers,
    recipients,
    rule_sets,
    runs,
    schemas,
    scim,
    service_principal_secrets,
    serving_endpoints,
    shares,
    tables,
    tokens,
    tracking,
    unity_models,
    uploads,
    volumes,
    warehouses,
)
from app.sandbox.wire import Route
from app.sandbox.world import World

ROUTES: list[Route] = [
    *serving_endpoints.routes.declared,
    *endpoint_permissions.routes.declared,
    *invocations.routes.declared,
    *jobs.routes.declared,
    *providers.routes.declared,
    *recipients.routes.declared,
    *shares.routes.declared,
    *discovery.routes.declared,
    *metastores.routes.declared,
    *scim.routes.declared,
    *groups.routes.declared,
    *oauth.routes.declared,
    *tokens.routes.declared,
    *service_principal_secrets.routes.declared,
    *rule_sets.routes.declared,
    *experiment_permissions.routes.declared,
    *external_lineage.routes.declared,
    *catalogs.routes.declared,
    *schemas.routes.declared,
    *volumes.routes.declared,
    *tables.routes.declared,
    *functions.routes.declared,
    *entity_tags.routes.declared,
    *permissions.routes.declared,
    *files.routes.declared,
    *uploads.routes.declared,
    *unity_models.routes.declared,
    *mlflow_models.routes.declared,
    *tracking.routes.declared,
    *clusters.routes.declared,
    *warehouses.routes.declared,
]
Hook = Callable[[World], None]
# Called in a thread: before the first request (START), after the last (STOP, in reverse order), and by reset (RESET,
# before the state is emptied). A hook that needs the state across several calls opens a transaction by itself.
START: list[Hook] = [processes.prepare, tracking.start, runs.take_up, deployments.take_up]
STOP: list[Hook] = [processes.end_all, runs.end_all, model_servers.end_all]
RESET: list[Hook] = [runs.end_all, deployments.forget_all, tracking.reset]


def start(world: World) -> None:
    """Take up what an earlier process left."""
    for hook in START:
        hook(world)


def stop(world: World) -> None:
    """End what this process runs; nothing of it may outlive the sandbox."""
    for hook in reversed(STOP):
        hook(world)


def reset(world: World) -> None:
    """As on the first day; ids, ports, the admins' tokens and the settings stay."""
    for hook in RESET:
        hook(world)
    with world.state.transaction():
        world.state.clear(keep=("metastore", "workspace", "settings"))
        shutil.rmtree(world.folder / "files", ignore_errors=True)
        world.seed()
