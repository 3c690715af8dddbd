"""Who rests on an accepted catalog: whose it is to remove, and what becomes of its grants when one gives it back."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain import catalog_users
from app.domain.catalog_users import Granted
from app.store import records as store
from app.store.acceptances import Acceptance, note_granted


@dataclass(frozen=True)
class Resting:
    """The other active acceptances of a catalog, seen from one of them.

    `made` says whether it was made for the project; then it goes, and `sharers` (of the same project) end with it.
    Otherwise it stays, `unneeded` grants are taken back, and what another acceptance needs is handed down to it, so
    that it goes with the last one: `heirs`, by id, with all that is then theirs to take back.
    """

    made: bool
    sharers: list[str]
    heirs: dict[str, Granted]
    unneeded: Granted


def look(acceptance: Acceptance) -> Resting:
    """Who rests on the acceptance's catalog now, whichever workspace of the metastore accepted it."""
    identifier = acceptance.outcome["consumer_identifier"]
    active = store.list_all(Acceptance, catalog=acceptance.catalog, state="ACTIVE")
    others = [one for one in active if one.id != acceptance.id and one.outcome["consumer_identifier"] == identifier]
    sharers = [one for one in others if one.project == acceptance.project]
    heirs: dict[str, Granted] = {}
    unneeded: Granted = {}
    for principal, privileges in acceptance.granted.items():
        heir = next((one for one in others if principal in {one.outcome["runner"], *one.readers}), None)
        if heir is None:
            unneeded[principal] = privileges
        else:
            known = heirs.setdefault(heir.id, dict(heir.granted))
            known[principal] = sorted({*known.get(principal, []), *privileges})
    return Resting(
        made=any(one.outcome.get("made") for one in [acceptance, *sharers]),
        sharers=[one.id for one in sharers],
        heirs=heirs,
        unneeded=unneeded,
    )


def take_back(acceptance_id: str) -> None:
    """Nobody holds what an acceptance that failed has granted, but for what another one of the catalog needs."""
    acceptance = store.get(Acceptance, acceptance_id)
    resting = look(acceptance)
    for heir, granted in resting.heirs.items():
        note_granted(heir, granted)
    catalog_users.take_back(acceptance.workspace, acceptance.catalog, resting.unneeded)
    note_granted(acceptance_id, {})
