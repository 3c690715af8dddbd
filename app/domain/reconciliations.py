"""Reconciling: what Causeway promised is held against what the workspaces say now. It changes and locks nothing."""

from __future__ import annotations

import time
import zlib
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from app import configuration, durable
from app.domain import access, audit, operations, proofs, records
from app.domain.access import Caller, check
from app.domain.drifts import KINDS, Finding, Kind, Look, list_active, promised
from app.domain.drifts.kinds import make_id
from app.domain.drifts.looks import list_moved
from app.domain.operations import Key, Operation, start
from app.domain.workflows import Outcome, Work, register
from app.errors import Problem, VerificationFailed, WorkspaceNotFound
from app.store import drifts as store
from app.store.drifts import Drift
from app.store.reconciliations import Reconciliation as Reconciliation
from app.workspaces import identities

ACTION = "reconcile"
# Whose the scheduled ones are: no person and no service account can have this name.
CAUSEWAY = Caller("causeway")
KNOWN, PARTIAL, UNKNOWN = "KNOWN", "PARTIAL", "UNKNOWN"
# What is found by reading all bytes alone.
BYTES = [kind.code for kind in KINDS.values() if kind.needs_bytes]
Digests = list[dict[str, Any]]
"""`{model, version, digest}`; the digest is None where there is no such version, or where `unread` says why."""
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Reconciled:
    """A reconciliation, and the drift that it found as it stands now."""

    record: Reconciliation
    drifts: list[Drift]


def begin(caller: Caller, key: Key, project: str, workspace: str | None, *, deep: bool = False) -> Operation:
    """Accept a look at all workspaces of the project that take new work, or at one of them; `deep`: at all bytes."""
    check(caller, ACTION, project)
    if workspace is not None and workspace not in access.list_places(project):
        raise WorkspaceNotFound(workspace=workspace)
    return _start(caller, key, project, [workspace] if workspace is not None else list_active(project), deep=deep)


def begin_due(every_seconds: float) -> None:
    """Start the reconciliation of each project whose turn has come and that nobody has started.

    A turn is a stretch of time, and its operation's id is made of project and turn: of many workers one starts it.
    """
    for project in filter(list_active, configuration.current().projects):
        # Not all at once: each project's turns begin at a moment of its own.
        offset = zlib.crc32(project.encode()) % max(1, round(every_seconds))
        turn = {"project": project, "turn": int((time.time() + offset) // every_seconds)}
        key = operations.make_key(CAUSEWAY, "POST", "/v1/reconciliations", f"{project}/{turn['turn']}", turn)
        try:
            if operations.find_replay(key) is None:
                _start(CAUSEWAY, key, project, list_active(project))
        except Problem as problem:
            log.warning("a scheduled reconciliation did not start", project=project, reason=problem.detail)


def get(caller: Caller, reconciliation_id: str) -> Reconciled:
    """The reconciliation with its drift, in two queries; raises `RecordNotFound`."""
    record = records.get(caller, Reconciliation, reconciliation_id)
    return Reconciled(record, store.list_found(record.outcome.get("drifts", [])))


@register(ACTION, Reconciliation)
async def reconcile(work: Work) -> Outcome:
    """Look at one workspace after the other; one that does not answer is UNKNOWN, and what was known of it stays."""
    parts, found = [], dict[str, str]()
    for workspace in work.request["workspaces"]:
        digests, unread = await _read_bytes(work, workspace) if work.request["deep"] else (None, None)
        try:
            part = await durable.step(f"compare {workspace}", compare, work, workspace, digests)
        except Problem as problem:
            told = {"problem": problem.as_dict(), "kinds_missed": sorted(KINDS), "new": 0}
            parts.append({"workspace": workspace, "state": UNKNOWN, **told})
            continue
        found |= part["found"]
        missed = {**dict.fromkeys(BYTES, unread), **part["missed"]} if unread else part["missed"]
        told = {"problem": next(iter(missed.values()), None), "kinds_missed": sorted(missed), "new": part["new"]}
        parts.append({"workspace": workspace, "state": PARTIAL if missed else KNOWN, **told})
    counts = dict(Counter(found.values()))
    return Outcome({"state": "SUCCEEDED", "outcome": {"parts": parts, "counts": counts, "drifts": sorted(found)}})


def compare(work: Work, workspace: str, digests: Digests | None) -> dict[str, Any]:
    """Look at the workspace and keep what differs; answers `{found: {drift: severity}, new}`.

    Whether the workspace answers at all is asked first: refused as a whole, it would look as if everything were gone.
    Records are read before and after the look, and what changed meanwhile, or is being changed, is no drift. Nothing
    here waits for a share to be seen elsewhere: each promise is looked for where it is kept, which is seen at once.
    What keeps one kind from being looked for keeps no other from it: it is `missed`, a problem by kind.
    """
    looked_at = datetime.now(UTC)
    before = promised(work.project, workspace)
    read = None if digests is None else {(one["model"], one["version"]): one["digest"] for one in digests}
    look = Look(work.project, workspace, before, read)
    kinds = [kind for kind in KINDS.values() if read is not None or not kind.needs_bytes]
    is_used = look.may_publish or not before.is_empty
    if is_used:
        look.ask(identities.get_self, workspace)
    found, missed = look_for([kind for kind in kinds if is_used or kind.asks_nobody], look)
    moved = list_moved(before, promised(work.project, workspace))
    rows = [_row(work, workspace, looked_at, *one) for one in found if not moved & one[1].marks]
    undecided = {make_id(work.project, workspace, kind.code, one) for kind, one in found if moved & one.marks}
    # Bytes that were not read may still be others than were published.
    is_whole = digests is not None and all(one["digest"] for one in digests)
    if unread := [one for one in digests or [] if one.get("unread")]:
        missed |= dict.fromkeys(BYTES, VerificationFailed(message=_tell_unread(unread), reason="unreadable").as_dict())
    codes = {kind.code for kind in kinds if is_whole or not kind.needs_bytes} - missed.keys()
    looked = store.Looked(work.project, workspace, looked_at, codes, undecided)
    new = store.replace(looked, rows, [_event(work, row) for row in rows])
    return {"found": {row.id: row.severity for row in rows}, "new": new, "missed": missed}


def look_for(kinds: list[Kind], look: Look) -> tuple[list[tuple[Kind, Finding]], dict[str, Any]]:
    """All that is found, and by kind the problem that kept something from being found.

    What may pass is raised as long as the step is tried again.
    """
    found, missed = list[tuple[Kind, Finding]](), dict[str, Any]()
    for kind in kinds:
        before = len(look.missed)
        try:
            for one in kind.find(look):
                found.append((kind, one))
        except Problem as problem:
            look.missed.append(problem)
        for cause in look.missed[before:]:
            if cause.retryable and not durable.is_last_try():
                raise cause
            missed[kind.code] = cause.as_dict()
    return found, missed


def _tell_unread(unread: Digests) -> str:
    named = [f"{one['model']} version {one['version']} ({one['unread']})" for one in unread]
    return f"The bytes of {', '.join(named)} could not be read."


async def _read_bytes(work: Work, workspace: str) -> tuple[Digests | None, dict[str, Any] | None]:
    """What a job of control reads of all copies that are promised there, or the problem that kept it from that."""
    try:
        versions = await durable.step("list the copies to read", _list_copies, work.project, workspace)
        if not versions:
            return [], None
        return await proofs.read(work, workspace, versions), None
    except Problem as problem:
        return None, problem.as_dict()


def _list_copies(project: str, workspace: str) -> Digests:
    return [{"model": model, "version": version} for model, version in sorted(promised(project, workspace).held)]


def _start(caller: Caller, key: Key, project: str, workspaces: list[str], *, deep: bool = False) -> Operation:
    record = Reconciliation(
        id=key.record_id("rec"),
        project=project,
        operation_id=key.operation_id,
        created_by=caller.principal,
        workspaces=workspaces,
    )
    request = {"workspaces": workspaces, "deep": deep}
    return start(reconcile, key, caller, project, request, record, workspaces=workspaces)


def _row(work: Work, workspace: str, looked_at: datetime, kind: Kind, finding: Finding) -> Drift:
    offered = kind.remedies if finding.remedies is None else kind.remedies.keys() & finding.remedies
    record_kind, record_id = finding.record or (None, None)
    return Drift(
        id=make_id(work.project, workspace, kind.code, finding),
        project=work.project,
        operation_id=work.id,
        state=store.OPEN,
        created_by=work.principal,
        drift_kind=kind.code,
        severity=kind.severity,
        workspace=workspace,
        object_kind=kind.object_kind,
        object_name=finding.object_name,
        wanted=finding.wanted,
        found=finding.found,
        advice=finding.advice,
        record_kind=record_kind,
        record_id=record_id,
        remedies=sorted(offered, reverse=True),
        target=finding.target,
        reconciliation_id=work.resource_id,
        known_since=looked_at,
        seen_at=looked_at,
    )


def _event(work: Work, row: Drift) -> Any:
    told = {"kind": row.drift_kind, "severity": row.severity, "object": row.object_name, "found": row.found}
    return audit.event(work.principal, "drift found", row.project, row.id, work.id, **told)
