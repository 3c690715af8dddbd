"""Publishing: a vetted copy of one model version, seen by exactly one audience."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from app import durable
from app.domain import audience_shares, contents, copies, jobs, publication_plans, vetting
from app.domain.access import Caller
from app.domain.model_cards import artifacts
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.plans import require
from app.domain.publication_requests import PUBLISH, Publishing, list_workspaces
from app.domain.workflows import Outcome, Work, register
from app.errors import CopyFailed, Problem, from_dict
from app.store import operations
from app.store.publications import Publication as Publication
from app.workspaces import runs

# What is the record's own, or of no use to it.
OF_THE_COPY = {"model", "version", "digest", "removed", "promised"}
VET = "hold the version to the policy"


def begin(
    caller: Caller, key: Key, publishing: Publishing, plan_digest: str | None, on_conflict: str = REJECT
) -> Operation:
    """Check as a plan does, and that others have approved it where they must; then accept the publication."""
    made, publishing, vetted = publication_plans.look(caller, PUBLISH, publishing)
    require(made, plan_digest)
    vetting.require_approvals(vetted.subject, vetted, caller.principal)
    record = Publication(
        id=key.record_id("pub"),
        project=publishing.project,
        operation_id=key.operation_id,
        created_by=caller.principal,
        workspace=publishing.workspace,
        model=publishing.model,
        version=publishing.version,
        audience=publishing.audience,
        share=publishing.share,
        published_model=publishing.published_model,
        outcome={"needs": publishing.needs, "readers": publishing.readers},
    )
    place = copies.lock(publishing.workspace, publishing.published_model, publishing.model, publishing.version)
    if publishing.is_whole:
        place = copies.lock_whole(publishing.workspace, publishing.share, publishing.model)
    work = (publish, key, caller, publishing.project, asdict(publishing), record, place)
    return start(*work, workspaces=list_workspaces(publishing), on_conflict=on_conflict)


def _undo(operation: Operation) -> None:
    publishing = Publishing(**operation.request)
    if publishing.is_whole:
        names = (publishing.workspace, publishing.share, publishing.model)
        contents.remove_whole(*names, leaving=[operation.resource_id])
    else:
        copies.remove_unfinished(operation.request, operation.upstream_run)
    contents.clear([operation.resource_id])
    audience_shares.shut_out_again(publishing)


def _keep(operation: Operation, error: dict[str, Any]) -> dict[str, Any]:
    """What was found, beside what is needed still by whoever tries again."""
    kept = {"needs": operation.request["needs"], "readers": operation.request.get("readers", [])}
    return {"outcome": {**kept, "findings": error["findings"]}} if "findings" in error else {}


@register(PUBLISH, Publication, undo=_undo, keep=_keep)
async def publish(work: Work) -> Outcome:
    """Copy the version by a job in its workspace, prove the copy, and have exactly the audience see it.

    It is held to the policy by each attempt anew: roles, rules and tags may have changed since the one before.

    The comparison comes before the copy: a copy in a model that is shared already is seen as soon as it is there.
    """
    publishing = Publishing(**work.request)
    try:
        vetted = await durable.step(VET, vetting.hold, publishing, work.principal, renewed=True)
        await durable.step("ensure the share", audience_shares.ensure, publishing)
        await durable.step("compare the share with the audience", audience_shares.check, publishing, work.resource_id)
        copy = await (copies.read_source(work) if publishing.is_whole else _copy(work, publishing, vetted))
    except Problem as problem:
        raise await _cleared_up(work, publishing, problem) from problem
    found = {name: value for name, value in {**copy, **vetted}.items() if name not in OF_THE_COPY}
    found |= {"needs": publishing.needs, "signature": None}
    record = {"state": "ACTIVE", "published_version": copy["version"], "digest": copy["digest"], "outcome": found}
    try:
        place = (publishing.workspace, publishing.published_model, publishing.shared_as)
        found["signature"] = await durable.step("prove the copy", copies.vouch, *place, copy)
        found["shared_as"] = await durable.step(
            "ensure the model in the share", audience_shares.ensure_model, publishing
        )
        found["recipients"] = await durable.step("ensure the recipients", audience_shares.ensure_members, publishing)
        if publishing.is_first:
            await durable.step(
                "ensure SELECT for the recipients", audience_shares.ensure_readers, publishing, work.resource_id
            )
        if not publishing.is_whole:
            found["model_card"] = await durable.step("keep the model card", artifacts.keep, work.resource_id, record)
        wanted = (publishing, work.resource_id, copy["version"], work.principal)
        seen = await durable.step("read it all back", audience_shares.read_back, *wanted)
        found["versions"] = seen["versions"]
        found["recipients"] = [one for one in found["recipients"] if one["sharing_identifier"] in seen["readers"]]
    except Problem as problem:
        raise await _taken_back(work, publishing, copy["version"], problem) from problem
    return Outcome(record, details={name: copy[name] for name in ("digest", "mlflow")})


async def _copy(work: Work, publishing: Publishing, vetted: dict[str, Any]) -> dict[str, Any]:
    await durable.step("ensure the schema of shareable models", audience_shares.ensure_schema, publishing)
    job = copies.make_job(work.id, work.request, *(vetted[name] for name in ("in_short", "scan", "promised")))
    try:
        return await jobs.run(work, job)
    except CopyFailed as problem:
        raise vetting.explain(problem, publishing) from problem
    except Problem as problem:
        # The job may have made the copy and died before it could say so: in a model that is shared, it would be seen.
        undo = ("clear up after the copy job", _clear_up, work.id, work.request)
        raise await _undone(problem, _name_copy(publishing), *undo) from problem


def _clear_up(operation_id: str, request: dict[str, Any]) -> None:
    run = operations.get(operation_id).upstream_run
    if run is not None:
        runs.ensure_cancelled(run["workspace"], run["run_id"])
    copies.remove_unfinished(request, run)


async def _cleared_up(work: Work, publishing: Publishing, problem: Problem) -> Problem:
    """`problem`, after what an earlier attempt left is gone: it may be seen, and its taking back may have failed."""
    if await durable.step("look for an earlier attempt", _is_further_attempt, work.id, quiet=True):
        return await _undone(problem, _name_copy(publishing), "clear up after an earlier attempt", _undo_all, work.id)
    return problem


def _is_further_attempt(operation_id: str) -> bool:
    return operations.get(operation_id).attempt > 1


def _undo_all(operation_id: str) -> None:
    operation = operations.get(operation_id)
    if operation.upstream_run is not None:
        runs.ensure_cancelled(operation.upstream_run["workspace"], operation.upstream_run["run_id"])
    _undo(operation)


def _name_copy(publishing: Publishing) -> str:
    return f"a copy of {publishing.model} in {publishing.published_model} in {publishing.workspace}"


async def _taken_back(work: Work, publishing: Publishing, version: int, problem: Problem) -> Problem:
    copy = f"version {version} of {publishing.published_model} in {publishing.workspace}"
    taken = (audience_shares.take_back, publishing, work.resource_id, version)
    return await _undone(problem, copy, "take the copy back", *taken)


async def _undone(problem: Problem, copy: str, step: str, function: Callable[..., None], *args: Any) -> Problem:
    """`problem`, after the copy that would be seen in spite of it is gone; says so when it could not be deleted."""
    try:
        # A retry begins at the policy, and so rests on nothing that this takes away.
        await durable.step(step, function, *args)
    except Problem:
        return from_dict({**problem.as_dict(), "left_behind": [copy]})
    return problem
