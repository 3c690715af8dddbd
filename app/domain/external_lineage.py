"""Telling a consumer's own Unity Catalog where an accepted version came from, where the workspace is set to it.

It is an addition: what the platform refuses is told in the inventory, and stands in the way of nothing.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

import structlog

from app import configuration
from app.errors import Problem
from app.store import inventory as store
from app.store.inventory import InventoryVersion
from app.store.lineage import Published
from app.workspaces import external_lineage as platform

WRITTEN = "WRITTEN"
Accepted = dict[tuple[str, int], Published]
log = structlog.get_logger(__name__)


def write(workspace: str, accepted: Accepted) -> None:
    """Link each accepted version, by model and number, that is not linked yet to its source; the first refusal ends it.

    The next look at the workspace tries again: the right may have been granted meanwhile.
    """
    if not configuration.current().workspaces[workspace].external_lineage:
        return
    for row in store.list_unlinked(workspace, WRITTEN):
        source = accepted.get((row.model, row.version))
        if source is None:
            continue
        try:
            _link(row, source)
        except Problem as problem:
            store.note_link(row.key, problem.code)
            log.warning("the platform takes no external lineage", workspace=workspace, reason=problem.detail)
            return
        store.note_link(row.key, WRITTEN)


def _link(row: InventoryVersion, source: Published) -> None:
    model = f"{source.workspace}/{source.model}"
    # A name in the metastore: readable, and apart from others that read alike.
    digest = hashlib.sha256(model.lower().encode()).hexdigest()[:8]
    name = f"causeway_{re.sub('[^A-Za-z0-9]+', '_', model)}_{digest}"
    description = f"Model {source.model} of workspace {source.workspace}, published by Causeway."
    platform.ensure_source(row.workspace, name, description=description)
    told: dict[str, Any] = {"source_version": source.version, "digest": source.digest, "publication": source.id}
    properties = {key: str(value) for key, value in told.items()}
    platform.ensure_link(row.workspace, name, row.model, row.version, properties)
