"""Drift of who reads a share: somebody lost what was given, and somebody reads who is not declared."""

from __future__ import annotations

from collections.abc import Iterator

from app.domain import audience_changes, audiences
from app.domain.audiences import Member
from app.domain.drifts import members
from app.domain.drifts import shares as drifting_shares
from app.domain.drifts.kinds import CRITICAL, HIGH, JUDGE, LOW, Finding, Remedy, drift
from app.domain.drifts.looks import Look
from app.domain.workflows import Work
from app.store.drifts import Drift
from app.workspaces import metastores, shares
from app.workspaces.shares import Share


def _lock(drift: Drift) -> str:
    return audience_changes.lock(drift.workspace, drift.target["share"])


def _put_reader_back(drift: Drift, work: Work) -> None:
    members.require_judged(drift, work)
    target = drift.target
    identifier, own = target["sharing_identifier"], metastores.get_sharing_identifier(drift.workspace)
    places = target["workspaces"]
    first = places[0] if places else None
    wanted = Member(first, places, identifier, None, same_metastore=identifier == own, is_ours=True)
    shares.ensure_reader(drift.workspace, target["share"], str(audiences.ensure_member(drift.workspace, wanted).name))


def _shut_out(drift: Drift, _work: Work) -> None:
    shares.remove_reader(drift.workspace, drift.target["share"], drift.object_name)


@drift(
    "recipient-gone",
    HIGH,
    "recipient",
    put_back=Remedy(
        "Make the recipient again, and grant it SELECT on the share.", "publish", _put_reader_back, lock=_lock
    ),
)
def find_gone(look: Look) -> Iterator[Finding]:
    """A metastore that was let in has no recipient any more: it lost every share at once.

    To a remedy, one that was made again and does not read the share yet is the same difference, half healed.
    """
    for share, identifier, places in _iterate_let_in(look):
        known = members.list_known(look).get(identifier)
        if known is not None and (look.share is None or known in _list_readers(look, share)):
            continue
        wanted = f"A recipient for {identifier} with SELECT on share {share.name}."
        found = "There is no recipient for this metastore." if known is None else f"{known} does not hold SELECT."
        yield _finding(look, share, identifier, places, places[0] if places else identifier, wanted, found)


@drift(
    "reader-lost",
    HIGH,
    "recipient",
    put_back=Remedy("Grant the recipient SELECT on the share again.", "publish", _put_reader_back, lock=_lock),
)
def find_lost(look: Look) -> Iterator[Finding]:
    """A recipient that was let in does not hold SELECT on the share any more."""
    for share, identifier, places in _iterate_let_in(look):
        name = members.list_known(look).get(identifier)
        if name is not None and name not in _list_readers(look, share):
            wanted = f"{name} holds SELECT on share {share.name}."
            yield _finding(look, share, identifier, places, name, wanted, "It does not hold SELECT.")


@drift(
    "reader-unknown",
    CRITICAL,
    "recipient",
    put_back=Remedy(
        "Take SELECT on the share from the recipient; the recipient itself stays.", JUDGE, _shut_out, lock=_lock
    ),
)
def find_unknown(look: Look) -> Iterator[Finding]:
    """Somebody holds SELECT whom the audience does not declare, and whom Causeway never let in: it sees all of it.

    A record cannot make that right: who is to read is declared in the configuration. Nothing voids this finding, so
    that nobody can hide behind publications that are always under way.
    """
    for share, reader, identifier in _iterate_undeclared(look):
        if identifier not in members.list_let_in(look, share.name):
            who = identifier or "a recipient that Causeway does not see"
            yield Finding(
                object_name=reader,
                detail=share.name,
                wanted=f"Share {share.name} is read by the recipients of its audience alone.",
                found=f"{reader} ({who}) holds SELECT: it sees {len(share.objects or [])} object(s).",
                target={"share": share.name},
                advice="Shut it out; or declare it in the audience, when it is meant to read.",
            )


@drift(
    "reader-dropped",
    HIGH,
    "recipient",
    put_back=Remedy(
        "Take SELECT on the share from the recipient; the recipient itself stays.", "publish", _shut_out, lock=_lock
    ),
)
def find_dropped(look: Look) -> Iterator[Finding]:
    """Causeway let it in, the configuration has dropped it since, and it still reads."""
    for share, reader, identifier in _iterate_undeclared(look):
        if identifier in members.list_let_in(look, share.name):
            yield Finding(
                object_name=reader,
                detail=share.name,
                wanted=f"Share {share.name} is read by the recipients of its audience alone.",
                found=f"{reader} ({identifier}) is not declared any more, and still holds SELECT.",
                marks=frozenset({f"share {share.name}"}),
                target={"share": share.name},
                advice="Shut it out by the remedy, or ask for an audience change.",
            )


@drift("reader-pending", LOW, "recipient")
def find_pending(look: Look) -> Iterator[Finding]:
    """The configuration declares it, and nobody has let it in yet: that is an audience change's to do, on record."""
    for share, declared in members.iterate_declared(look, _list_settled(look)):
        let_in, readers, known = (
            members.list_let_in(look, share.name),
            _list_readers(look, share),
            members.list_known(look),
        )
        for identifier, places in declared.items():
            if identifier not in let_in and known.get(identifier) not in readers:
                name = places[0] if places else identifier
                yield Finding(
                    object_name=name,
                    detail=share.name,
                    wanted=f"{name} ({identifier}) reads share {share.name}, as it is declared.",
                    found="Nobody has let it in since it was declared.",
                    marks=frozenset({f"share {share.name}"}),
                    advice=f"Ask for an audience change of {look.share_names[share.name]}.",
                )


def _finding(
    look: Look, share: Share, identifier: str, places: list[str], name: str, wanted: str, found: str
) -> Finding:
    target = {"share": share.name, "audience": look.share_names[share.name]}
    return Finding(
        object_name=name,
        detail=f"{share.name} {identifier}",
        wanted=wanted,
        found=found,
        marks=frozenset({f"share {share.name}"}),
        target={**target, "sharing_identifier": identifier, "workspaces": places},
    )


def _list_settled(look: Look) -> list[Share]:
    """The shares in which something is promised: those who are to read it were let in with that."""
    return [share for share, publications in drifting_shares.iterate_own(look) if publications]


def _iterate_let_in(look: Look) -> Iterator[tuple[Share, str, list[str]]]:
    """Who is to read each share: declared, and let in before."""
    for share, declared in members.iterate_declared(look, _list_settled(look)):
        let_in = members.list_let_in(look, share.name)
        for identifier, places in declared.items():
            if identifier in let_in:
                yield share, identifier, places


def _iterate_undeclared(look: Look) -> Iterator[tuple[Share, str, str | None]]:
    """Who reads each share without being declared, with its sharing identifier where it can be seen."""
    own = [share for share, _ in drifting_shares.iterate_own(look)]
    for share, declared in members.iterate_declared(look, own):
        known = {name: identifier for identifier, name in members.list_known(look).items()}
        for reader in _list_readers(look, share):
            if known.get(reader) not in declared:
                yield share, reader, known.get(reader)


def _list_readers(look: Look, share: Share) -> list[str]:
    return look.ask(shares.list_readers, look.workspace, share.name)
