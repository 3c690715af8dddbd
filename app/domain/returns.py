"""Giving back: the catalog that an acceptance made goes; what it showed stays with its provider."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from app import durable
from app.domain import acceptance_impacts, catalog_users, records, resting_acceptances, shared_catalogs
from app.domain.acceptance_impacts import Impact
from app.domain.access import Caller
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.plans import require
from app.domain.workflows import Changes, Outcome, Work, register
from app.errors import AcceptanceInUse, RecordNotActive, UpstreamProblem
from app.store import records as store
from app.store.acceptances import Acceptance
from app.workspaces import catalogs


def begin(
    caller: Caller, key: Key, acceptance_id: str, *, force: bool, plan_digest: str | None, on_conflict: str = REJECT
) -> Operation:
    """Accept the end of an active acceptance; raises `RecordNotActive` for any other.

    Raises `AcceptanceInUse` while endpoints serve from a catalog that would go. With `force` it goes all the same, and
    a workspace that does not answer keeps nobody from it.
    """
    record = records.get(caller, Acceptance, acceptance_id, "give-back")
    if record.state != "ACTIVE":
        raise RecordNotActive(id=record.id, state=record.state, needed="ACTIVE")
    hits = _look_at_hits(caller, record, force, plan_digest)
    request = {
        "workspace": record.workspace,
        "catalog": record.catalog,
        "share": record.share,
        "provider": record.outcome["provider"],
        "hits": hits,
    }
    lock = shared_catalogs.lock(record.outcome["consumer_identifier"], record.share)
    work = (give_back, key, caller, record.project, request, record, lock)
    told = {"forced": force, "hits": hits}
    return start(*work, workspaces=[record.workspace], is_new=False, on_conflict=on_conflict, details=told)


@register("give-back", Acceptance, failed={})
async def give_back(work: Work) -> Outcome:
    """Remove the catalog when an acceptance of this project made it; all acceptances that rest on it end together.

    A catalog that was there before stays, and so do the other acceptances of it; of its grants those go that this
    acceptance brought and no other one needs.
    """
    workspace, catalog, share, provider = (work.request[name] for name in ("workspace", "catalog", "share", "provider"))
    found = await durable.step("find out who made the catalog", _look, work.resource_id)
    ended = {"state": "GIVEN_BACK"}
    if found["made"]:
        gone = (workspace, catalog, provider, share, work.request["hits"])
        await durable.step("remove the catalog", _remove, *gone)
        return Outcome(ended, [(Acceptance, one, ended) for one in found["sharers"]])
    await durable.step("take back what was granted", catalog_users.take_back, workspace, catalog, found["unneeded"])
    heirs: Changes = [(Acceptance, heir, {"granted": granted}) for heir, granted in found["heirs"].items()]
    return Outcome({**ended, "granted": {}}, heirs)


def _look(acceptance_id: str) -> dict[str, Any]:
    return asdict(resting_acceptances.look(store.get(Acceptance, acceptance_id)))


def _remove(workspace: str, catalog: str, provider: str, share: str, hits: list[str]) -> Any:
    catalogs.remove_shared_catalog(workspace, catalog, provider=provider, share=share)
    return durable.Told(None, f"catalog {catalog} is gone; hit: {', '.join(hits) or 'nobody who serves from it'}")


def _look_at_hits(caller: Caller, record: Acceptance, force: bool, plan_digest: str | None) -> list[str]:
    """Who serves from the catalog, or is about to, for the trail and for the step that removes it."""
    try:
        impact = acceptance_impacts.look(caller, record)
    except UpstreamProblem as problem:
        if not force or plan_digest is not None:
            raise
        return [f"not known: {problem.detail}"]
    require(impact.plan, plan_digest)
    if impact.in_use and not force:
        raise _in_use(impact)
    return _describe(impact)


def _describe(impact: Impact) -> list[str]:
    named = [f"{one.workspace}/{one.name}" for one in impact.endpoints]
    counted = [f"{impact.other_endpoints} of other projects"] if impact.other_endpoints else []
    return [*named, *counted, *impact.deployments]


def _in_use(impact: Impact) -> AcceptanceInUse:
    return AcceptanceInUse(
        id=impact.acceptance.id,
        catalog=impact.acceptance.catalog,
        workspace=impact.acceptance.workspace,
        endpoints=[f"{one.workspace}/{one.name}" for one in impact.endpoints],
        other_endpoints=impact.other_endpoints,
        deployments_under_way=impact.deployments,
        used_by=", ".join(_describe(impact)),
    )
