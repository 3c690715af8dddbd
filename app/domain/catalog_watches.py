"""Noticing what is published or withdrawn after an acceptance: each accepted catalog is looked into now and then.

Every worker looks around; of several at once, one gets a catalog, by the database. What one that dies has not told is
found by the next look.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from app import configuration, settings
from app.domain import audit, shared_catalogs, visible_models
from app.domain.visible_models import Shown
from app.errors import CatalogNotFound, Problem
from app.store import acceptances as store
from app.store.acceptances import Acceptance
from app.store.audit_events import AuditEvent

# Who speaks in the trail where nobody asked: Causeway itself.
CAUSEWAY = "causeway"
log = structlog.get_logger(__name__)


def look_around() -> None:
    """Look into every accepted catalog that nobody has looked into for `CAUSEWAY_WATCH_SECONDS`."""
    before = datetime.now(UTC) - timedelta(seconds=settings.current().watch_seconds)
    for workspace, catalog in store.list_due(before):
        try:
            if workspace in configuration.current().workspaces and (resting := store.claim(workspace, catalog, before)):
                _look(resting)
        except Exception:
            log.exception("an accepted catalog cannot be watched", workspace=workspace, catalog=catalog)


def _look(resting: list[Acceptance]) -> None:
    """Tell all acceptances that rest on one catalog what it shows; the oldest one's knowledge is what is compared."""
    first = resting[0]
    known: list[Shown] = first.outcome.get("models", [])
    promised = set(shared_catalogs.list_promised(first)) if first.provider_workspace else None
    problem = None
    try:
        shown = visible_models.read(first.workspace, first.catalog, known, promised)
    except CatalogNotFound as gone:
        shown, problem = [], gone.code
    except Problem as failed:
        shown, problem = known, failed.code
    found: dict[str, Any] = {"models": shown, "watch_problem": problem}
    events = _tell(first, known, shown)
    if events:
        found["seen_at"] = datetime.now(UTC).isoformat()
    store.note_look([one.id for one in resting], found, events)


def _tell(acceptance: Acceptance, known: list[Shown], shown: list[Shown]) -> list[AuditEvent]:
    """An event for each version that is new, or gone."""
    before, now = visible_models.list_versions(known), visible_models.list_versions(shown)
    place = {"workspace": acceptance.workspace, "catalog": acceptance.catalog}
    return [
        audit.event(CAUSEWAY, action, acceptance.project, acceptance.id, **place, model=model, version=version)
        for action, versions in (("version appeared", now - before), ("version vanished", before - now))
        for model, version in sorted(versions)
    ]
