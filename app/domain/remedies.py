"""Remedies: a difference is healed as somebody asked, by what publishing, accepting and deploying do; none unasked."""

from __future__ import annotations

import hashlib
from base64 import b32encode
from datetime import UTC, datetime

from app import durable
from app.domain import cancellations, records
from app.domain.access import Caller, check
from app.domain.drifts import KINDS, Look, Remedy, promised
from app.domain.drifts.kinds import PlainChanges, make_id
from app.domain.operations import Key, Operation, start
from app.domain.plans import Change, Check, Plan, require
from app.domain.workflows import Outcome, Work, register, workflows
from app.errors import RecordNotActive, RemedyNotOffered, WrittenNotVisible, from_dict
from app.store import operations as operation_store
from app.store import records as store
from app.store.drifts import OPEN, REMEDIED, Drift

ACTION = "remedy"
# Where a retry begins: what failed to heal it is begun anew.
BEGIN = "begin what heals it"
POLL_SECONDS = 1.0
# What heals it has limits of its own, and ends by them.
DEADLINE_SECONDS = 24 * 3600


def plan(caller: Caller, drift_id: str, name: str) -> Plan:
    """What the remedy would do, in plain words; nobody is asked anything but our own records."""
    return _plan(*_find(caller, drift_id, name))


def begin(caller: Caller, key: Key, drift_id: str, name: str, plan_digest: str | None) -> Operation:
    """Accept the remedy of an open drift; one remedy of it at a time.

    Raises `RecordNotActive` for drift that is over, `RemedyNotOffered`, and `PermissionDenied` for whoever may not do
    what the remedy does.
    """
    drift, remedy = _find(caller, drift_id, name)
    require(_plan(drift, remedy), plan_digest)
    request = {"remedy": name}
    work = (heal, key, caller, drift.project, request, drift, f"drifts/{drift.id}")
    return start(*work, workspaces=[drift.workspace], is_new=False)


def _undo(operation: Operation) -> None:
    """What it has begun is stopped with it, on the word of whoever stopped it."""
    child = operation_store.find(_make_key(operation).operation_id)
    if child is not None:
        cancellations.request(str(operation.cancel_requested_by), child)


@register(ACTION, Drift, failed={}, undo=_undo)
async def heal(work: Work) -> Outcome:
    """Have an operation do what is slow, do what is quick, and look whether the difference is gone."""
    child = await durable.step(BEGIN, _begin, work)
    if child is not None:
        what = {"action": f"{child}, which heals it,", "workspace": "Causeway"}
        await durable.wait(
            "wait for what heals it",
            _poll,
            child,
            every_seconds=POLL_SECONDS,
            deadline_seconds=DEADLINE_SECONDS,
            what=what,
            undoes=BEGIN,
        )
    changes = await durable.step("apply the remedy", _apply, work)
    if not changes and child is None:
        await durable.step("look whether it is healed", _look, work)
    tables = {made.table.kind: made.table for made in workflows.values()}
    others = [(tables[kind], record_id, values) for kind, record_id, values in changes]
    now = datetime.now(UTC)
    return Outcome({"state": REMEDIED, "seen_at": now}, others)


def _find(caller: Caller, drift_id: str, name: str) -> tuple[Drift, Remedy]:
    drift = records.get(caller, Drift, drift_id)
    remedy = KINDS[drift.drift_kind].remedies.get(name) if drift.drift_kind in KINDS else None
    if remedy is None or name not in drift.remedies:
        raise RemedyNotOffered(drift=drift.id, remedy=name, advice=drift.advice.rstrip("."))
    check(caller, remedy.action, drift.project)
    if drift.state != OPEN:
        raise RecordNotActive(id=drift.id, state=drift.state, needed=OPEN)
    return drift, remedy


def _plan(drift: Drift, remedy: Remedy) -> Plan:
    checks = [Check("the drift is open", f"{drift.found} Known since {drift.known_since:%Y-%m-%d %H:%M} UTC.")]
    return Plan(checks, [Change("change", drift.workspace, drift.object_kind, drift.object_name, remedy.effect)])


def _begin(work: Work) -> str | None:
    """The id of the operation that does the slow work; begun again after a crash, it is the same one."""
    drift, remedy = _read(work)
    if remedy.begin is None:
        return None
    key = _make_key(operation_store.get(work.id))
    child = operation_store.find(key.operation_id) or remedy.begin(Caller(work.principal), key, drift)
    operation = operation_store.get(work.id)
    if operation.cancel_requested_by is not None:
        # The wish to cancel came while it was being begun: nobody else knows of it.
        _undo(operation)
    return child.id


def _make_key(operation: Operation) -> Key:
    """Whose operation each attempt of a remedy begins."""
    seed = hashlib.sha256(f"{operation.id}/{operation.attempt}".encode())
    return Key(f"op_{b32encode(seed.digest()).decode().lower()[:26]}", seed.hexdigest())


def _poll(child: str) -> durable.Waiting | bool:
    found = operation_store.get(child)
    if found.state in {"PENDING", "RUNNING"}:
        return durable.Waiting(f"{child} is {found.state}")
    if found.error is not None:
        raise from_dict(found.error)
    return True


def _apply(work: Work) -> PlainChanges:
    drift, remedy = _read(work)
    return (remedy.apply(drift, work) if remedy.apply is not None else None) or []


def _look(work: Work) -> None:
    """Raises the retryable `WrittenNotVisible` while the difference is still found."""
    drift = store.get(Drift, work.resource_id)
    look = Look(drift.project, drift.workspace, promised(drift.project, drift.workspace))
    found = KINDS[drift.drift_kind].find(look)
    if drift.id in {make_id(drift.project, drift.workspace, drift.drift_kind, one) for one in found}:
        raise WrittenNotVisible(workspace=drift.workspace, action=f"the remedy of {drift.id}")


def _read(work: Work) -> tuple[Drift, Remedy]:
    drift = store.get(Drift, work.resource_id)
    return drift, KINDS[drift.drift_kind].remedies[work.request["remedy"]]
