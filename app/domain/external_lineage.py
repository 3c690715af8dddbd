"""Telling a consumer's own Unity Catalog where a version came from, where the workspace is set to it.

It is an addition: what the platform refuses is told in the inventory, and stands in the way of nothing.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import structlog

from app import configuration
from app.domain.origins import OWNED_COPY, Origin
from app.errors import ModelVersionNotFound, Problem, WorkspaceRefused
from app.store import inventory as store
from app.store.inventory import InventoryVersion
from app.workspaces import external_lineage as platform

WRITTEN = "WRITTEN"
log = structlog.get_logger(__name__)


def write(workspace: str, accepted: dict[tuple[str, int], Origin]) -> None:
    """Link each version that an acceptance let in, by model and number, to its source.

    The consumer's own copies come first, and a refusal is of that copy alone: somebody may have made it theirs. Of what
    it only sees, the platform may not let it say anything [INF], and the first refusal ends it. The next look at the
    workspace tries again: the right may have been granted meanwhile.
    """
    if not configuration.current().workspaces[workspace].external_lineage:
        return
    for row in sorted(store.list_unlinked(workspace, WRITTEN), key=lambda one: one.came_by != OWNED_COPY):
        origin = accepted.get((row.model, row.version))
        if origin is None:
            continue
        try:
            _link(row, origin)
        except Problem as problem:
            store.note_link(row.key, problem.code)
            log.warning("the platform takes no external lineage", workspace=workspace, reason=problem.detail)
            if row.came_by == OWNED_COPY and isinstance(problem, WorkspaceRefused | ModelVersionNotFound):
                continue
            return
        store.note_link(row.key, WRITTEN)


def _link(row: InventoryVersion, origin: Origin) -> None:
    assert origin.source is not None
    source = origin.source
    model = f"{source.place}/{source.model}"
    # A name in the metastore: readable, and apart from others that read alike.
    digest = hashlib.sha256(model.lower().encode()).hexdigest()[:8]
    name = f"causeway_{re.sub('[^A-Za-z0-9]+', '_', model)}_{digest}"
    by = f"shared by the partner {source.place}" if source.is_partners else f"of workspace {source.place}"
    platform.ensure_source(row.workspace, name, description=f"Model {source.model} {by}, accepted by Causeway.")
    told: dict[str, Any] = {"source_version": source.version, "digest": row.digest, "publication": row.publication_id}
    told |= {"acceptance": row.acceptance_id}
    properties = {key: str(value) for key, value in told.items() if value is not None}
    platform.ensure_link(row.workspace, name, row.model, row.version, properties)
