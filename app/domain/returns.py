"""Giving back: the catalog that an acceptance made goes; what it showed stays with its provider."""

from __future__ import annotations

from typing import Any

from app import durable
from app.domain import catalog_users, records, shared_catalogs
from app.domain.access import Caller
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.workflows import Changes, Outcome, Work, register
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

    A catalog that was there before stays, and so do the other acceptances of it; of its grants those go that this
    acceptance brought and no other one needs.
    """
    workspace, catalog, share, provider = (work.request[name] for name in ("workspace", "catalog", "share", "provider"))
    found = await durable.step("find out who made the catalog", _look, work.resource_id)
    ended = {"state": "GIVEN_BACK"}
    if found["made"]:
        await durable.step("remove the catalog", _remove, workspace, catalog, provider, share)
        return Outcome(ended, [(Acceptance, one, ended) for one in found["sharers"]])
    await durable.step("take back what was granted", catalog_users.take_back, workspace, catalog, found["unneeded"])
    heirs: Changes = [(Acceptance, heir, {"granted": granted}) for heir, granted in found["heirs"].items()]
    return Outcome({**ended, "granted": {}}, heirs)


def _look(acceptance_id: str) -> dict[str, Any]:
    """Whether the catalog was made for the project, whose acceptances rest on it, and what becomes of the grants.

    What another acceptance needs is handed down to it, so that it goes with the last one.
    """
    own = store.get(Acceptance, acceptance_id)
    resting = store.list_all(Acceptance, catalog=own.catalog, state="ACTIVE")
    identifier = own.outcome["consumer_identifier"]
    others = [one for one in resting if one.id != own.id and one.outcome["consumer_identifier"] == identifier]
    sharers = [one for one in others if one.project == own.project]
    made = any(one.outcome.get("made") for one in [own, *sharers])
    heirs: dict[str, catalog_users.Granted] = {}
    unneeded = dict(own.granted)
    for principal, privileges in own.granted.items():
        heir = next((one for one in others if principal in {one.outcome["runner"], *one.readers}), None)
        if heir is not None:
            known = heirs.setdefault(heir.id, dict(heir.granted))
            known[principal] = sorted({*known.get(principal, []), *privileges})
            del unneeded[principal]
    return {"made": made, "sharers": [one.id for one in sharers], "heirs": heirs, "unneeded": unneeded}


def _remove(workspace: str, catalog: str, provider: str, share: str) -> None:
    catalogs.remove_shared_catalog(workspace, catalog, provider=provider, share=share)
