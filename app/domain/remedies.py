"""Remedies: a difference is healed as somebody asked, by what publishing, accepting and deploying do; none unasked.

Each acts on what is so now: the difference is looked for again when it is asked for, and where it is done.
"""

from __future__ import annotations

import hashlib
from base64 import b32encode
from datetime import UTC, datetime

from app import configuration, durable
from app.domain import cancellations, records
from app.domain.access import Caller, check
from app.domain.drifts import ACCEPT, KINDS, Finding, Look, Remedy, promised
from app.domain.drifts.kinds import PlainChanges, make_id
from app.domain.drifts.looks import list_moved, narrow
from app.domain.operations import QUEUE, Key, Operation, start
from app.domain.plans import Change, Check, Plan, require
from app.domain.workflows import Amendment, Changes, Outcome, Work, register, workflows
from app.errors import (
    DriftChanged,
    OperationInProgress,
    RecordNotActive,
    RemedyNotOffered,
    WorkspaceConflict,
    WorkspaceNotFound,
    WrittenNotVisible,
    from_dict,
)
from app.store import drifts as store_of_drifts
from app.store import operations as operation_store
from app.store import records as store
from app.store.drifts import GONE, OPEN, REMEDIED, Drift

ACTION = "remedy"
# Where a retry begins when what was to heal it has failed: that is begun anew.
BEGIN = "begin what heals it"
APPLY = "apply the remedy"
POLL_SECONDS = 1.0
# What heals it has limits of its own, and ends by them.
DEADLINE_SECONDS = 24 * 3600


def plan(caller: Caller, drift_id: str, name: str) -> Plan:
    """What the remedy would do, in plain words; raises as `begin` does."""
    return _plan(*_find(caller, drift_id, name))


def begin(caller: Caller, key: Key, drift_id: str, name: str, plan_digest: str | None) -> Operation:
    """Accept the remedy of an open drift; what changes the same thing is waited for in line.

    Raises `RecordNotActive` for drift that is over, by a look at it now, `RemedyNotOffered`, `DriftChanged` when
    something else than was found would be accepted, and `PermissionDenied` for whoever may not do what the remedy does.
    """
    drift, remedy = _find(caller, drift_id, name)
    require(_plan(drift, remedy), plan_digest)
    request = {"remedy": name, "found": drift.found, "record": drift.record_id}
    lock = _find_lock(drift, remedy) or f"drifts/{drift.id}"
    work = (heal, key, caller, drift.project, request, drift, lock)
    return start(*work, workspaces=[drift.workspace], is_new=False, on_conflict=QUEUE)


def _undo(operation: Operation) -> None:
    """What it has begun is stopped with it, on the word of whoever stopped it."""
    child = operation_store.find(_make_key(operation).operation_id)
    if child is not None:
        cancellations.request(str(operation.cancel_requested_by), child)


def _get_action(operation: Operation) -> str:
    kind = KINDS.get(store.get(Drift, operation.resource_id).drift_kind)
    remedy = kind.remedies.get(operation.request["remedy"]) if kind is not None else None
    return ACTION if remedy is None else remedy.action


@register(ACTION, Drift, failed={}, undo=_undo, action=_get_action)
async def heal(work: Work) -> Outcome:
    """Have an operation do what is slow, do what is quick, and look whether the difference is gone."""
    child = await durable.step(BEGIN, begin_slow_work, work)
    if child is not None:
        what = {"action": f"{child}, which heals it,", "workspace": "Causeway"}
        await durable.wait(
            "wait for what heals it",
            _poll,
            child,
            every_seconds=POLL_SECONDS,
            deadline_seconds=DEADLINE_SECONDS,
            what=what,
            again_from=BEGIN,
        )
    changes = await durable.step(APPLY, apply, work)
    if not changes and child is None:
        await durable.step("look whether it is healed", _check_healed, work, again_from=APPLY)
    return Outcome({"state": REMEDIED, "seen_at": datetime.now(UTC)}, _list_changes(changes))


def _find(caller: Caller, drift_id: str, name: str) -> tuple[Drift, Remedy]:
    """The drift as it is found now, and its remedy."""
    drift = records.get(caller, Drift, drift_id)
    remedy = KINDS[drift.drift_kind].remedies.get(name) if drift.drift_kind in KINDS else None
    if remedy is None or name not in drift.remedies:
        raise _not_offered(drift, name)
    check(caller, remedy.action, drift.project)
    if drift.state != OPEN:
        raise RecordNotActive(id=drift.id, state=drift.state, needed=OPEN)
    looked_at, told = datetime.now(UTC), (drift.found, drift.record_id)
    found, _ = _look(drift)
    if found is None:
        store_of_drifts.note_gone(drift.id, looked_at)
        raise RecordNotActive(id=drift.id, state=GONE, needed=OPEN)
    return _checked(drift, name, found, told), remedy


def _plan(drift: Drift, remedy: Remedy) -> Plan:
    checks = [Check("the drift is open", f"{drift.found} Known since {drift.known_since:%Y-%m-%d %H:%M} UTC.")]
    return Plan(checks, [Change("change", drift.workspace, drift.object_kind, drift.object_name, remedy.effect)])


def begin_slow_work(work: Work) -> str | None:
    """The id of the operation that does the slow work; begun again after a crash, it is the same one.

    Raises `RecordNotActive` when the difference is over by now.
    """
    drift, remedy = _read(work)
    if remedy.begin is None:
        return None
    key = _make_key(operation_store.get(work.id))
    child = operation_store.find(key.operation_id) or _begin_now(work, key, drift, remedy)
    operation = operation_store.get(work.id)
    if operation.cancel_requested_by is not None:
        # The wish to cancel came while it was being begun: nobody else knows of it.
        _undo(operation)
    return child.id


def _begin_now(work: Work, key: Key, drift: Drift, remedy: Remedy) -> Operation:
    found = _look_in_turn(drift, remedy)
    if found is None:
        raise RecordNotActive(id=drift.id, state=GONE, needed=OPEN)
    assert remedy.begin is not None
    try:
        return remedy.begin(Caller(work.principal), key, _agreed(work, drift, found))
    except OperationInProgress as problem:
        # What it does may be the end of the difference: that is looked for again when it is done.
        raise _conflict(drift) from problem


def _make_key(operation: Operation) -> Key:
    """Whose operation each attempt of a remedy begins."""
    seed = hashlib.sha256(f"{operation.id}/{operation.attempt}".encode())
    return Key(f"op_{b32encode(seed.digest()).decode().lower()[:26]}", seed.hexdigest())


def _poll(child: str) -> durable.Waiting | durable.Failed | bool:
    found = operation_store.get(child)
    if found.state in {"PENDING", "RUNNING"}:
        return durable.Waiting(f"{child} is {found.state}")
    if found.error is not None:
        return durable.Failed(from_dict(found.error))
    return True


def apply(work: Work) -> durable.Told:
    """Do what is quick; its value is what is to be changed at the end. Slow work has changed already what was found.

    A difference that is over needs nothing more: this step, cut off before, may have healed it.
    """
    drift, remedy = _read(work)
    if remedy.apply is None:
        return durable.Told([], "")
    if remedy.begin is None:
        found = _look_in_turn(drift, remedy)
        if found is None:
            return durable.Told([], "the difference is over; there is nothing to do any more")
        _agreed(work, drift, found)
    return durable.Told(remedy.apply(drift, work) or [], "")


def _check_healed(work: Work) -> None:
    """Raises the retryable `WrittenNotVisible` while the difference is still found."""
    drift, _ = _read(work)
    if _look(drift)[0] is not None:
        raise WrittenNotVisible(workspace=drift.workspace, action=f"the remedy of {drift.id}")


def _list_changes(changes: PlainChanges) -> Changes:
    """Records as they are to be; one that is there already, only if it is still active then."""
    tables = {made.table.kind: made.table for made in workflows.values()}
    return [
        (tables[kind], one, values) if cause is None else Amendment(tables[kind], one, values, cause)
        for kind, one, values, cause in changes
    ]


def _look(drift: Drift) -> tuple[Finding | None, frozenset[str]]:
    """The difference as it is found now, or None, and the marks of what operations were changing meanwhile.

    Bytes are not read anew: those that were found stand until the version is another one, or is promised no more.
    Raises `WorkspaceNotFound` for a workspace that the configuration has dropped since.
    """
    if drift.workspace not in configuration.current().workspaces:
        raise WorkspaceNotFound(workspace=drift.workspace)
    kind, before = KINDS[drift.drift_kind], promised(drift.project, drift.workspace)
    read = drift.target.get("read")
    digests = {(read["model"], read["version"]): read["digest"]} if read else None
    look = Look(drift.project, drift.workspace, narrow(before, drift), digests, drift.target.get("share"))
    place = (drift.project, drift.workspace, kind.code)
    found = next((one for one in kind.find(look) if make_id(*place, one) == drift.id), None)
    if found is None and look.missed:
        raise look.missed[0]
    return found, list_moved(before, promised(drift.project, drift.workspace))


def _look_in_turn(drift: Drift, remedy: Remedy) -> Finding | None:
    """As `_look`; without a lock it raises the retryable `WorkspaceConflict` while an operation changes it."""
    found, moved = _look(drift)
    if found is not None and _find_lock(drift, remedy) is None and moved & found.marks:
        raise _conflict(drift)
    return found


def _find_lock(drift: Drift, remedy: Remedy) -> str | None:
    return remedy.lock(drift) if remedy.lock is not None else None


def _conflict(drift: Drift) -> WorkspaceConflict:
    return WorkspaceConflict(workspace=drift.workspace, action=f"the remedy of {drift.id}")


def _agreed(work: Work, drift: Drift, found: Finding) -> Drift:
    # Requests of the release before do not say what was found: nothing is accepted on them.
    return _checked(drift, work.request["remedy"], found, (work.request.get("found"), work.request.get("record")))


def _checked(drift: Drift, name: str, found: Finding, told: tuple[str | None, str | None]) -> Drift:
    """The drift as it is now, where it has the remedy; only what was `told` is taken for the new promise."""
    if found.remedies is not None and name not in found.remedies:
        raise _not_offered(drift, name)
    record_kind, record_id = found.record or (None, None)
    if name == ACCEPT and told != (found.found, record_id):
        raise DriftChanged(drift=drift.id, found=found.found.rstrip("."))
    # How it was told stays: a plan that somebody agreed to is not stale for a number in it that matters to no remedy.
    now = {"target": found.target, "record_kind": record_kind, "record_id": record_id}
    for column, value in now.items():
        setattr(drift, column, value)
    return drift


def _not_offered(drift: Drift, name: str) -> RemedyNotOffered:
    return RemedyNotOffered(drift=drift.id, remedy=name, advice=drift.advice.rstrip("."))


def _read(work: Work) -> tuple[Drift, Remedy]:
    drift = store.get(Drift, work.resource_id)
    return drift, KINDS[drift.drift_kind].remedies[work.request["remedy"]]
