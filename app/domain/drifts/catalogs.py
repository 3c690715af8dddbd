"""Drift of catalogs made from shares: dropped, made from something else, hidden, or shut to those who were let in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from app.domain import acceptances, catalog_users, shared_catalogs
from app.domain.access import Caller
from app.domain.drifts.kinds import CRITICAL, HIGH, JUDGE, Finding, PlainChange, PlainChanges, Remedy, drift, ended_by
from app.domain.drifts.looks import Look, mark
from app.domain.operations import Key, Operation
from app.domain.workflows import Work
from app.errors import WorkspaceRefused
from app.store import records as store
from app.store.acceptances import Acceptance
from app.store.drifts import Drift
from app.workspaces import catalogs, grants
from app.workspaces.catalogs import Catalog


def accept_again(caller: Caller, key: Key, drift: Drift) -> Operation:
    """Accept the share of the drift's acceptance again, into the same catalog and for the same users."""
    one = store.get(Acceptance, str(drift.record_id))
    copies = one.outcome.get("copies", [])
    request = acceptances.Request(
        project=one.project,
        workspace=one.workspace,
        provider_workspace=one.provider_workspace,
        audience=one.audience,
        sharing_identifier=None if one.audience else one.outcome["provider_identifier"],
        share=None if one.audience else one.share,
        catalog=one.catalog,
        readers=one.readers,
        visible_within_seconds=acceptances.VISIBLE_SECONDS,
        keeps_copy=bool(copies),
        copy_to=copies[0]["owned"]["model"].rpartition(".")[0] if copies else None,
    )
    return acceptances.begin(caller, key, request, None)


def lock(drift: Drift) -> str:
    """What accepting and giving back the drift's acceptance lock."""
    one = store.get(Acceptance, str(drift.record_id))
    return shared_catalogs.lock(one.outcome["consumer_identifier"], one.share)


def hand_over(drift: Drift, work: Work) -> PlainChanges:
    """The acceptance is over; the one that took its place takes back what it granted, and lists its other copies."""
    old = store.get(Acceptance, str(drift.record_id))
    place = {"project": old.project, "workspace": old.workspace, "catalog": old.catalog, "state": "ACTIVE"}
    heirs = [one for one in store.list_all(Acceptance, **place) if one.id != old.id]
    return [*_end_acceptance(drift, work), *([_bequeath(old, heirs[-1], drift)] if heirs else [])]


def _bequeath(old: Acceptance, new: Acceptance, drift: Drift) -> PlainChange:
    again = [copy["source"] for copy in new.outcome["copies"]]
    kept = [
        copy
        for copy in old.outcome.get("copies", [])
        if copy["source"] not in again and copy["owned"] != drift.target.get("owned")
    ]
    users = sorted({*old.granted, *new.granted})
    granted = {user: sorted({*old.granted.get(user, []), *new.granted.get(user, [])}) for user in users}
    return Acceptance.kind, new.id, {"granted": granted}, {"copies": [*new.outcome["copies"], *kept]}


def _end_acceptance(drift: Drift, _work: Work) -> PlainChanges:
    return [(Acceptance.kind, str(drift.record_id), {"state": "GIVEN_BACK", "granted": {}}, ended_by(drift))]


def _let_in_again(drift: Drift, _work: Work) -> None:
    catalog_users.ensure(drift.workspace, drift.object_name, drift.target["users"])


@drift(
    "catalog-gone",
    HIGH,
    "catalog",
    put_back=Remedy(
        "Accept the share again: the catalog is made and its users are let in. "
        "The acceptance that lost its catalog ends as GIVEN_BACK.",
        "accept",
        hand_over,
        accept_again,
    ),
    accept=Remedy(
        "Take it for given back: the acceptance ends as GIVEN_BACK, with this as its cause.",
        "give-back",
        _end_acceptance,
        lock=lock,
    ),
)
def find_gone(look: Look) -> Iterator[Finding]:
    """The catalog of an acceptance was dropped."""
    for one, found in _iterate_visible(look):
        if found is None:
            yield _finding(one, f"A catalog made from share {one.share}.", "There is no catalog of this name.")


@drift(
    "catalog-replaced",
    CRITICAL,
    "catalog",
    accept=Remedy(
        "Take the acceptance for ended: it becomes GIVEN_BACK. The catalog stays as it is.",
        JUDGE,
        _end_acceptance,
        lock=lock,
    ),
)
def find_replaced(look: Look) -> Iterator[Finding]:
    """A catalog of this name is there, made from something else: its models are not those that were published."""
    for one, found in _iterate_visible(look):
        if found is not None and not _is_made_from(found, one):
            source = f"share {found.share} of {found.provider}" if found.share else "no share at all"
            wanted = f"A catalog made from share {one.share} of {one.outcome['provider']}."
            yield replace(
                _finding(one, wanted, f"{found.owner} owns a catalog of this name that is made from {source}."),
                advice="Have that catalog renamed or dropped and put back what was there, or accept that it is over.",
            )


@drift("catalog-owner-changed", HIGH, "catalog")
def find_lost(look: Look) -> Iterator[Finding]:
    """A catalog that Causeway made is somebody else's now: the rights that its endpoints rest on went with it."""
    for one in look.promises.acceptances:
        hidden = _is_hidden(look, one)
        found = None if hidden else _find_catalog(look, one)
        owner = "Somebody" if hidden else found.owner if found else look.control
        is_lost = hidden or (_is_made_from(found, one) and one.outcome.get("made"))
        if is_lost and owner != look.control:
            yield Finding(
                object_name=one.catalog,
                wanted=f"A catalog that {look.control} owns, as it made it.",
                found=f"{owner} owns it. Causeway can let nobody in any more, and endpoints that serve from it stop at "
                f"their next update when {look.control}, who created them, loses EXECUTE.",
                record=("acceptance", one.id),
                marks=mark(one),
                advice=f"Have catalog {one.catalog} given back to {look.control}.",
            )


@drift(
    "catalog-users-lost",
    HIGH,
    "catalog",
    put_back=Remedy("Grant them again what the use of the catalog takes.", "accept", _let_in_again, lock=lock),
)
def find_lost_users(look: Look) -> Iterator[Finding]:
    """The runner, or somebody whom an acceptance named, may not use the catalog any more."""
    for one, found in _iterate_visible(look):
        if found is None or not _is_made_from(found, one):
            continue
        held = look.ask(grants.list_privileges, look.workspace, "catalog", one.catalog)
        # The platform tells others' grants to owners and managers alone [DOC].
        if found.owner != look.control and "MANAGE" not in held.get(look.control, set()):
            continue
        users = sorted({one.outcome["runner"], *one.readers})
        lacking = catalog_users.list_lacking_of(held, users)
        if lacking:
            told = "; ".join(f"{user} lacks {', '.join(privileges)}" for user, privileges in sorted(lacking.items()))
            wanted = f"{', '.join(users)} may use the catalog: {', '.join(catalog_users.PRIVILEGES)}."
            yield replace(_finding(one, wanted, f"{told}."), target={"users": sorted(lacking)})


def _iterate_visible(look: Look) -> Iterator[tuple[Acceptance, Catalog | None]]:
    """Each acceptance whose catalog is not hidden from Causeway, with the catalog of that name if there is one."""
    for one in look.promises.acceptances:
        if not _is_hidden(look, one):
            yield one, _find_catalog(look, one)


def _finding(one: Acceptance, wanted: str, found: str) -> Finding:
    return Finding(
        object_name=one.catalog,
        detail=one.id,
        wanted=wanted,
        found=found,
        record=("acceptance", one.id),
        marks=mark(one),
    )


def _find_catalog(look: Look, one: Acceptance) -> Catalog | None:
    """The catalog by the one list of all that Causeway sees; what is not among them is asked for by itself.

    Raises `WorkspaceRefused` for one that is there and hidden from us.
    """
    listed = {found.name: found for found in look.ask(_read_catalogs, look.workspace)}
    return listed.get(one.catalog.lower()) or look.ask(catalogs.find_catalog, look.workspace, one.catalog)


def _read_catalogs(workspace: str) -> list[Catalog]:
    return list(catalogs.iterate_catalogs(workspace))


def _is_hidden(look: Look, one: Acceptance) -> bool:
    try:
        _find_catalog(look, one)
    except WorkspaceRefused:
        return True
    return False


def _is_made_from(found: Catalog | None, one: Acceptance) -> bool:
    return found is not None and found.is_made_from(one.outcome["provider"], one.share)


def _marks(one: Acceptance) -> frozenset[str]:
    return frozenset({one.id, f"catalog {one.catalog}"})
