"""Giving back: the catalog that an acceptance made goes; what it showed stays with its provider."""

from __future__ import annotations

from app import durable
from app.domain import records, shared_catalogs
from app.domain.access import Caller
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.workflows import Outcome, Work, register
from app.errors import RecordNotActive
from app.store import records as store
from app.store.acceptances import Acceptance
from app.workspaces import catalogs


def begin(caller: Caller, key: Key, acceptance_id: str, on_conflict: str = REJECT) -> Operation:
    """Accept the end of an active acceptance; raises `RecordNotActive` for any other."""
    record = records.get(caller, Acceptance, acceptance_id, "give-back")
    if record.state != "ACTIVE":
        raise RecordNotActive(id=record.id, state=record.state, needed="ACTIVE")
    request = {
        "workspace": record.workspace,
        "catalog": record.catalog,
        "share": record.share,
        "provider": record.outcome["provider"],
    }
    lock = shared_catalogs.lock(record.outcome["consumer_identifier"], record.share)
    work = (give_back, key, caller, record.project, request, record, lock)
    return start(*work, workspaces=[record.workspace], is_new=False, on_conflict=on_conflict)


@register("give-back", Acceptance, failed={})
async def give_back(work: Work) -> Outcome:
    """Remove the catalog when an acceptance of this project made it; all acceptances that rest on it end together.

    A catalog that was there before stays, and so do the other acceptances of it.
    """
    workspace, catalog, share, provider = (work.request[name] for name in ("workspace", "catalog", "share", "provider"))
    made, sharers = await durable.step("find out who made the catalog", _list_sharers, work.project, workspace, catalog)
    ended = {"state": "GIVEN_BACK"}
    if not made:
        return Outcome(ended)
    await durable.step("remove the catalog", _remove, workspace, catalog, provider, share)
    return Outcome(ended, [(Acceptance, one, ended) for one in sharers if one != work.resource_id])


def _list_sharers(project: str, workspace: str, catalog: str) -> tuple[bool, list[str]]:
    active = store.list_all(Acceptance, project=project, workspace=workspace, catalog=catalog, state="ACTIVE")
    return any(one.outcome.get("made") for one in active), [one.id for one in active]


def _remove(workspace: str, catalog: str, provider: str, share: str) -> None:
    catalogs.remove_shared_catalog(workspace, catalog, provider=provider, share=share)
