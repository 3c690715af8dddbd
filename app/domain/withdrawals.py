"""Withdrawing: the copy is deleted, or all of the model's copies, which touches one audience alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app import durable
from app.domain import contents, copies, publication_impacts, records
from app.domain.access import Caller
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.plans import require
from app.domain.workflows import Outcome, Work, register
from app.errors import PublicationInUse, RecordNotActive, UpstreamProblem
from app.store import records as store
from app.store.publications import Publication
from app.workspaces import models

LOOK_EVERY_SECONDS = 1.0
# A publication's own limits end it long before.
PUBLISHING_SECONDS = 24 * 3600.0


@dataclass(frozen=True)
class Withdrawing:
    """How to withdraw: `whole` takes all of the model's copies for the audience.

    With `force` they go though endpoints serve them, and a workspace that does not answer keeps nobody from it.
    """

    whole: bool = False
    force: bool = False
    plan_digest: str | None = None


def begin(caller: Caller, key: Key, publication_id: str, how: Withdrawing, on_conflict: str = REJECT) -> Operation:
    """Accept the withdrawal of an active publication.

    Raises `RecordNotActive` for any other, and without force `PublicationInUse` while endpoints serve what would go.
    """
    record = records.get(caller, Publication, publication_id, "withdraw")
    if record.state != "ACTIVE":
        raise RecordNotActive(id=record.id, state=record.state, needed="ACTIVE")
    request: dict[str, Any] = {
        "workspace": record.workspace,
        "share": record.share,
        "model": record.published_model,
        "version": None if how.whole else record.published_version,
        "is_whole_model": record.is_whole_model,
        "shared_as": record.outcome["shared_as"],
        "publication": record.id,
        "force": how.force,
        "hits": _look(caller, record, how),
    }
    lock = copies.lock_of(record)
    if how.whole and not record.is_whole_model:
        lock = copies.lock_all(record.workspace, record.published_model)
    work = (withdraw, key, caller, record.project, request, record, lock)
    told = {"forced": how.force, "hits": request["hits"]}
    return start(*work, workspaces=[record.workspace], is_new=False, on_conflict=on_conflict, details=told)


@register("withdraw", Publication, failed={})
async def withdraw(work: Work) -> Outcome:
    """Delete the copies and, with the last one, the model's place in the share.

    All publications that rest on them end together. When all copies go, publications under way are waited for first:
    they lock a version each, and none begins while this waits.
    """
    workspace, share, model, version, shared_as = (
        work.request[name] for name in ("workspace", "share", "model", "version", "shared_as")
    )
    if work.request["is_whole_model"]:
        return await _withdraw_whole_model(work)
    versions = [version]
    if version is None:
        what = {"action": f"Publishing to {model}", "workspace": workspace}
        versions = await durable.wait(
            "wait for publications under way",
            _look_for_copies,
            work.request["publication"],
            every_seconds=LOOK_EVERY_SECONDS,
            deadline_seconds=PUBLISHING_SECONDS,
            what=what,
        )
    await durable.step("delete the copy", _remove, work, versions)
    await durable.step("clear the share", _clear, workspace, share, model, shared_as, versions)
    promises = await durable.step("find all that rest on the copy", _list_promises, workspace, model, versions)
    withdrawn = {"state": "WITHDRAWN"}
    return Outcome(withdrawn, [(Publication, one, withdrawn) for one in promises if one != work.resource_id])


async def _withdraw_whole_model(work: Work) -> Outcome:
    """The model leaves the share and stays as it is; all publications that shared it whole end together."""
    resting = await durable.step("take the model out of the share", _take_out, work)
    withdrawn = {"state": "WITHDRAWN"}
    return Outcome(withdrawn, [(Publication, one, withdrawn) for one in resting if one != work.resource_id])


def _take_out(work: Work) -> durable.Told:
    record, hits = store.get(Publication, work.resource_id), _look_again(work)
    resting = [one.id for one in publication_impacts.list_resting(record, whole=True)]
    contents.remove_whole(record.workspace, record.share, record.model, leaving=resting)
    contents.clear(resting)
    return durable.Told(
        resting, f"{record.model} left {record.share}; hit: {', '.join(hits) or 'nobody who serves it'}"
    )


def _look(caller: Caller, record: Publication, how: Withdrawing) -> list[str]:
    """What is hit, for the step that does it."""
    try:
        impact = publication_impacts.look(caller, record, whole=how.whole)
    except UpstreamProblem as problem:
        if not how.force or how.plan_digest is not None:
            raise
        return [f"not known: {problem.detail}"]
    require(impact.plan, how.plan_digest)
    hits = publication_impacts.describe(impact)
    if impact.in_use and not how.force:
        named = [f"{one.workspace}/{one.name}" for one in impact.endpoints if one.traffic]
        raise PublicationInUse(
            id=record.id,
            endpoints=named,
            other_endpoints=impact.other_endpoints,
            deployments_under_way=impact.deployments,
            used_by=", ".join(hits),
        )
    return hits


def _look_again(work: Work) -> list[str]:
    """As when it was accepted: what stood in line, or is tried again, may hit others by now."""
    how = Withdrawing(whole=work.request["version"] is None, force=work.request.get("force", False))
    return _look(Caller(work.principal), store.get(Publication, work.resource_id), how)


def _look_for_copies(publication_id: str) -> durable.Waiting | list[int]:
    record = store.find(Publication, publication_id)
    assert record is not None
    place = {"workspace": record.workspace, "published_model": record.published_model}
    under_way = store.list_all(Publication, state="PENDING", **place)
    if under_way:
        return durable.Waiting(f"{under_way[0].id} is still being published")
    resting = publication_impacts.list_resting(record, whole=True)
    return sorted({one.published_version for one in resting if one.published_version is not None})


def _remove(work: Work, versions: list[int]) -> Any:
    hits, model = _look_again(work), work.request["model"]
    for version in versions:
        models.remove_version(work.request["workspace"], model, version)
    gone = f"version {', '.join(map(str, versions))} of {model} is gone"
    return durable.Told(None, f"{gone}; hit: {', '.join(hits) or 'nobody who serves it'}")


def _clear(workspace: str, share: str, model: str, shared_as: str, versions: list[int]) -> None:
    copies.clear(workspace, share, model, shared_as)
    contents.clear(_list_promises(workspace, model, versions))


def _list_promises(workspace: str, model: str, versions: list[int]) -> list[str]:
    return [one for version in versions for one in copies.list_promises(workspace, model, version)]
