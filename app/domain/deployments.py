"""Deploying: an endpoint serves another version, and its traffic moves only once that version has answered well."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from app import durable
from app.domain import endpoint_updates, first_predictions, model_versions, proofs
from app.domain.access import Caller, Name, check, check_active
from app.domain.endpoint_updates import Deploying as Deploying
from app.domain.endpoint_updates import Entities
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.plans import Change, Check, Plan, require
from app.domain.proofs import Held
from app.domain.workflows import Changes, Outcome, Work, register
from app.errors import OperationTimedOut, Problem, from_dict
from app.store import records
from app.store.deployments import Deployment as Deployment
from app.workspaces.endpoints import ServedEntity

ACTION = "deploy"
FIRST_STEP = "look at the endpoint"
# What is built already has 30 minutes to come up on CPU [DOC: model serving, deploy time-out].
START_SECONDS = 30 * 60
# A build has no limit of its own and is tried three times [DOC]; that each takes half an hour at most is assumed. It
# holds for an update that somebody else started, too.
BUILD_SECONDS = 3 * 30 * 60 + START_SECONDS
POLL_SECONDS = 1.0


def plan(caller: Caller, deploying: Deploying) -> Plan:
    """Look at names, the version and the live endpoint; raises the problem of whatever is not in order."""
    return _look(caller, deploying)[0]


def begin(
    caller: Caller, key: Key, deploying: Deploying, plan_digest: str | None, on_conflict: str = REJECT
) -> Operation:
    """Check as `plan` does, then accept the deployment; one change of an endpoint at a time."""
    made, served, digest = _look(caller, deploying)
    require(made, plan_digest)
    request = asdict(replace(deploying, digest=digest))
    record = Deployment(
        id=key.record_id("dep"),
        project=deploying.project,
        operation_id=key.operation_id,
        created_by=caller.principal,
        workspace=deploying.workspace,
        endpoint=deploying.endpoint,
        model=deploying.model,
        version=deploying.version,
        served_entity=served,
        request=request,
    )
    lock = endpoint_updates.lock(deploying.workspace, deploying.endpoint)
    work = (deploy, key, caller, deploying.project, request, record, lock)
    return start(*work, workspaces=[deploying.workspace], on_conflict=on_conflict)


def undo(operation: Operation) -> None:
    """After a cancel, have the endpoint serve again what the deployment before it verified, or nothing at all.

    Raises the retryable `WorkspaceConflict` while an update runs, which nobody can stop; the next deployment clears
    away what is then left.
    """
    deploying = Deploying(**operation.request)
    active = [records.find(Deployment, record_id) for record_id in _list_active(deploying, operation.resource_id)]
    before = [(Deploying(**record.request), record.served_entity) for record in active if record is not None]
    if before:
        verified, served = before[-1]
        endpoint_updates.put_back(deploying, verified.entity(served, 100))
    else:
        endpoint_updates.remove(deploying, operation.resource_id)


@register("deploy", Deployment, undo=undo)
async def deploy(work: Work) -> Outcome:
    """Bring the new version up without traffic, have it answer, move the traffic, take the old version down."""
    deploying = Deploying(**work.request)
    verified = await _verified(work, deploying)
    found = await _waited(FIRST_STEP, deploying, endpoint_updates.look, deploying)
    served, before = found["served"], found["before"]
    is_change = before != [asdict(deploying.entity(served, 100))]
    try:
        if is_change:
            await _bring_up(work, deploying, found)
        smoke = await durable.step(
            "make a first prediction with the new version", first_predictions.make, deploying, served
        )
        if is_change and before:
            await _move_traffic(deploying, served, before)
        elif found["idle"] and not is_change:
            await _take_down(deploying, served)
        await durable.step("label the endpoint", endpoint_updates.label, deploying, work.resource_id)
        live = await durable.step("read back what is served", endpoint_updates.read_back, deploying, served)
    except OperationTimedOut:
        # The update still runs in the workspace, and a second one must not be started beside it.
        raise
    except Problem as problem:
        raise await _undone(work, deploying, found, problem) if is_change else problem from problem
    replaced = await durable.step("find the deployments before", _list_active, deploying, work.resource_id, quiet=True)
    outcome = {"created": not found["exists"], "changed": is_change, "replaced": before if is_change else []}
    outcome |= {"digest": deploying.digest, "verified": verified, "first_prediction": smoke, "endpoint": live}
    superseded: Changes = [(Deployment, deployment_id, {"state": "SUPERSEDED"}) for deployment_id in replaced]
    return Outcome({"state": "ACTIVE", "served_entity": served, "outcome": outcome}, superseded)


async def _verified(work: Work, deploying: Deploying) -> dict[str, Any] | None:
    """What reading every file of a published version found, before its server may load it; None for any other."""
    if deploying.digest is None:
        return None
    held = Held(work.project, deploying.workspace, deploying.model, deploying.version, deploying.digest)
    return await proofs.verify(work, held)


async def _bring_up(work: Work, deploying: Deploying, found: dict[str, Any]) -> None:
    """Have the new version ready: without traffic beside an old one, or with all of it where nothing serves."""
    served, before = found["served"], found["before"]
    if any(entity["name"] == served for entity in before):
        return
    wanted = [*before, asdict(deploying.entity(served, 0 if before else 100))]
    if found["exists"]:
        await _waited("add the new version without traffic", deploying, endpoint_updates.apply, deploying, wanted)
    else:
        await durable.step("create the endpoint", endpoint_updates.create, deploying, served, work.resource_id)
    await _settled("wait for the new version", deploying, wanted, served, BUILD_SECONDS)


async def _move_traffic(deploying: Deploying, served: str, before: Entities) -> None:
    """All traffic to the new version, then the old one goes."""
    wanted = asdict(deploying.entity(served, 100))
    both = [*[{**entity, "traffic": 0} for entity in before if entity["name"] != served], wanted]
    await _waited("move the traffic to the new version", deploying, endpoint_updates.apply, deploying, both)
    await _settled("wait for the traffic to move", deploying, both, served, START_SECONDS)
    await _take_down(deploying, served)


async def _take_down(deploying: Deploying, served: str) -> None:
    """Nothing but the version stays, with all traffic, which it has already."""
    wanted = asdict(deploying.entity(served, 100))
    await _waited("take the old version down", deploying, endpoint_updates.apply, deploying, [wanted])
    await _settled("wait for the old version to go", deploying, [wanted], served, START_SECONDS)


async def _undone(work: Work, deploying: Deploying, found: dict[str, Any], problem: Problem) -> Problem:
    """`problem`, after the endpoint serves what it did before; says what is left behind when that failed too."""
    served, before = found["served"], found["before"]
    try:
        if before:
            back = (endpoint_updates.apply, deploying, before)
            await _waited("put back what was served", deploying, *back, undoes=FIRST_STEP)
            await _settled("wait for what was served", deploying, before, before[0]["name"], START_SECONDS)
        else:
            gone = (endpoint_updates.remove, deploying, work.resource_id)
            await durable.step("remove the endpoint", *gone, undoes=FIRST_STEP)
    except Problem:
        left_behind = [f"{served} in endpoint {deploying.endpoint} of {deploying.workspace}"]
        return from_dict({**problem.as_dict(), "left_behind": left_behind})
    return problem


async def _settled(name: str, deploying: Deploying, entities: Entities, served: str, deadline_seconds: float) -> None:
    args = (endpoint_updates.settle, deploying, entities, served)
    await _waited(name, deploying, *args, deadline_seconds=deadline_seconds)


async def _waited(
    name: str,
    deploying: Deploying,
    poll: Any,
    *args: Any,
    deadline_seconds: float = BUILD_SECONDS,
    undoes: str | None = None,
) -> Any:
    what = {"action": f"An update of endpoint {deploying.endpoint}", "workspace": deploying.workspace}
    limits: dict[str, Any] = {"every_seconds": POLL_SECONDS, "deadline_seconds": deadline_seconds}
    return await durable.wait(name, poll, *args, **limits, what=what, undoes=undoes)


def _list_active(deploying: Deploying, deployment_id: str) -> list[str]:
    place = {"workspace": deploying.workspace, "endpoint": deploying.endpoint}
    active = records.list_all(Deployment, state="ACTIVE", **place)
    return [record.id for record in active if record.id != deployment_id]


def _look(caller: Caller, deploying: Deploying) -> tuple[Plan, str, str | None]:
    """The plan, the name that the version will be served by, and the digest of its publication."""
    place, endpoint = deploying.workspace, deploying.endpoint
    names = (Name("endpoint", place, endpoint), Name("model", place, deploying.model))
    check(caller, ACTION, deploying.project, *names)
    check_active(place)
    description = model_versions.get_description(place, deploying.model, deploying.version)
    first_predictions.get_example(deploying)
    promise = proofs.find_promise(deploying.project, place, deploying.model, deploying.version)
    found = endpoint_updates.find_own(deploying)
    served, before = endpoint_updates.find_serving(deploying, found)
    is_updating = found is not None and found.update == endpoint_updates.UPDATING
    checks = [
        Check("names are the project's", f"{endpoint}, {deploying.model}"),
        Check("version is READY, has a signature and an input example", f"{len(description.inputs)} input(s)"),
        Check("bytes are those that were published", promise.told),
        Check("nobody is changing the endpoint", "an update under way is waited for" if is_updating else "nobody is"),
    ]
    changes = _list_changes(deploying, served, before, exists=found is not None)
    if promise.digest is not None:
        changes.insert(0, Change("run", place, "job", proofs.NAME, "as Causeway itself; it loads nothing"))
    return Plan(checks, changes), served, promise.digest


def _list_changes(deploying: Deploying, served: str, before: list[ServedEntity], *, exists: bool) -> list[Change]:
    place, endpoint = deploying.workspace, deploying.endpoint
    sleep = "sleeps when unused" if deploying.scale_to_zero else "always on"
    new = f"{served}: {deploying.model} version {deploying.version}, {deploying.workload_size}, {sleep}"
    if before == [deploying.entity(served, 100)]:
        return [Change("none", place, "endpoint", endpoint, new)]
    if not exists:
        return [Change("create", place, "endpoint", endpoint, new)]
    added = Change("change", place, "endpoint", endpoint, f"{new}; all traffic once it has answered its input example")
    gone = [
        Change("remove", place, "served entity", f"{endpoint}/{old.name}", f"{old.model} version {old.version}")
        for old in before
    ]
    return [added, *gone]
