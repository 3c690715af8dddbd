"""Drift of the copies that a consumer owns: an acceptance made them and lists them, and they are gone or others now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from app.domain.drifts import catalogs as drifting_catalogs
from app.domain.drifts import copies as drifting_copies
from app.domain.drifts.kinds import ACCEPT, CRITICAL, HIGH, JUDGE, Finding, PlainChanges, Remedy, drift
from app.domain.drifts.looks import VERSION, Look, mark
from app.domain.workflows import Work
from app.store import records as store
from app.store.acceptances import Acceptance
from app.store.drifts import Drift

GONE = "There is no such version."
_AGAIN = Remedy(
    "Accept the share again with copies: what is missing is copied and proved anew, what is sound is kept. "
    "The acceptance that lost its copy ends as GIVEN_BACK, and the new one takes over all else that it had.",
    "accept",
    drifting_catalogs.hand_over,
    drifting_catalogs.accept_again,
)


def _forget(drift: Drift, _work: Work) -> PlainChanges:
    one = store.get(Acceptance, str(drift.record_id))
    kept = [copy for copy in one.outcome["copies"] if copy["owned"] != drift.target["owned"]]
    return [(Acceptance.kind, one.id, {}, {"copies": kept})]


@drift(
    "copy-gone",
    HIGH,
    VERSION,
    put_back=_AGAIN,
    accept=Remedy(
        "Take it for given up: the acceptance does not list this copy any more.",
        "give-back",
        _forget,
        lock=drifting_catalogs.lock,
    ),
)
def find_gone(look: Look) -> Iterator[Finding]:
    """A copy that the consumer owns was deleted, or something else has its name and number."""
    for one, copy in _iterate(look):
        told = _find_loss(look, **copy["owned"])
        if told == GONE:
            yield _finding(one, copy, told)
        elif told is not None:
            model = copy["owned"]["model"]
            yield replace(
                _finding(one, copy, told),
                remedies=frozenset({ACCEPT}),
                advice=f"Give it up by the remedy; or have {model} removed, and then put the copy back.",
            )


@drift(
    "copy-changed",
    CRITICAL,
    VERSION,
    put_back=_AGAIN,
    accept=Remedy(
        "Take it for somebody else's: the acceptance does not list this copy any more.",
        JUDGE,
        _forget,
        lock=drifting_catalogs.lock,
    ),
    needs_bytes=True,
)
def find_changed(look: Look) -> Iterator[Finding]:
    """A copy that the consumer owns has other bytes than were accepted: whoever loads it loads what nobody vetted."""
    for one, copy in _iterate(look):
        digest = (look.digests or {}).get((copy["owned"]["model"], copy["owned"]["version"]))
        if digest is not None and digest != copy["digest"] and not _find_loss(look, **copy["owned"]):
            found = _finding(one, copy, f"Its files have digest {digest}.")
            yield replace(found, target={**found.target, "read": {**copy["owned"], "digest": digest}})


def _iterate(look: Look) -> Iterator[tuple[Acceptance, dict[str, Any]]]:
    for one in look.promises.acceptances:
        for copy in one.outcome.get("copies", []):
            yield one, copy


def _find_loss(look: Look, model: str, version: int) -> str | None:
    """What became of the copy; None while a version that Causeway made has its number."""
    if drifting_copies.is_hidden(look, model):
        return f"The workspace refuses {model} to Causeway: it belongs to somebody else."
    there = {one.version: one.created_by for one in drifting_copies.list_versions(look, model)}
    if version not in there:
        return GONE
    # Numbers are never given twice, unless the model itself is deleted and made again.
    return None if there[version] == look.control else f"{there[version] or 'Somebody'} made what has its number now."


def _finding(one: Acceptance, copy: dict[str, Any], found: str) -> Finding:
    source, owned = copy["source"], copy["owned"]
    shown = {(entry["model"], version["version"]) for entry in one.outcome["models"] for version in entry["versions"]}
    return Finding(
        object_name=f"{owned['model']} version {owned['version']}",
        detail=one.id,
        wanted=f"The copy of {source['model']} version {source['version']}, digest {copy['digest']}.",
        found=found,
        record=("acceptance", one.id),
        marks=mark(one),
        # What its provider has withdrawn cannot be copied again.
        remedies=None if (source["model"], source["version"]) in shown else frozenset({ACCEPT}),
        target={"owned": owned},
    )
