"""Drift of shares: gone, somebody else's, out of reach, resting on a person; and what lies in them that should not."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace

from app.domain import contents, copies, ownership
from app.domain.drifts import members
from app.domain.drifts.kinds import CRITICAL, HIGH, JUDGE, MEDIUM, Finding, Remedy, drift
from app.domain.drifts.looks import Look
from app.domain.workflows import Work
from app.errors import Problem, WorkspaceRefused
from app.store import records as store
from app.store.drifts import Drift
from app.store.publications import Publication
from app.workspaces import identities, shares
from app.workspaces.shares import Share, SharedObject

MODEL = "MODEL"


def list_promised(look: Look) -> dict[str, list[Publication]]:
    """The publications that promise something in each share."""
    promised: dict[str, list[Publication]] = defaultdict(list)
    for one in look.promises.publications:
        promised[one.share].append(one)
    return promised


def find_share(look: Look, share: str) -> Share | None:
    """The share with its objects, or None when it is gone; raises `WorkspaceRefused` when it is hidden from us."""
    return look.ask(shares.find_share, look.workspace, share)


def iterate_own(look: Look) -> Iterator[tuple[Share, list[Publication]]]:
    """Every share of the project that is there, ours and readable, also one in which nothing is promised any more."""
    promised = list_promised(look)
    for name in _list_names(look):
        found = None if _is_hidden(look, name) else find_share(look, name)
        if found is not None and is_own(look, found):
            yield found, promised.get(name, [])


def is_own(look: Look, share: Share) -> bool:
    """Whether Causeway made it, or an admin adopted it."""
    own = identities.is_own(look.workspace, share.created_by, share.owner)
    return own or look.ask(ownership.is_adopted, look.workspace, "share", share.name, share.created_at)


def is_person(identity: str | None) -> bool:
    """Whether it is a user's name; service principals are known by application ids, groups by names [DOC]."""
    return identity is not None and "@" in identity


def _put_share_back(drift: Drift, work: Work) -> None:
    place, share = drift.workspace, drift.object_name
    if drift.target["readers"]:
        members.require_judged(drift, work)
    ownership.ensure_share(place, share, comment=drift.target["comment"])
    for one in drift.target["beside"]:
        contents.ensure(place, share, one["kind"], one["name"])
    for model, shared_as in drift.target["models"].items():
        shares.ensure_model(place, share, model, shared_as=shared_as)
    for reader in drift.target["readers"]:
        shares.ensure_reader(place, share, reader)


def _lock(drift: Drift) -> str | None:
    return copies.lock_of(store.get(Publication, drift.record_id)) if drift.record_id else None


def _put_object_back(drift: Drift, _work: Work) -> None:
    target = drift.target
    if target["kind"] == MODEL:
        shares.ensure_model(drift.workspace, target["share"], drift.object_name, shared_as=target["shared_as"])
    else:
        contents.ensure(drift.workspace, target["share"], target["kind"], drift.object_name)


def _take_model_out(drift: Drift, _work: Work) -> None:
    shares.remove_model(drift.workspace, drift.target["share"], drift.target["model"])


@drift(
    "share-gone",
    HIGH,
    "share",
    put_back=Remedy(
        "Make the share again with the models, recipients and rights that it had.", "publish", _put_share_back
    ),
)
def find_gone(look: Look) -> Iterator[Finding]:
    """A share in which something is promised is not there: its consumers see nothing any more.

    To a remedy, one that was made again and lacks models or readers yet is the same difference, half healed.
    """
    for name, publications in list_promised(look).items():
        if _is_hidden(look, name):
            continue
        share = find_share(look, name)
        if share is not None and (look.share is None or not is_own(look, share)):
            continue
        one = publications[0]
        known, let_in = members.list_known(look), members.list_let_in(look, name)
        try:
            readers = [known[one] for one in members.list_declared(look, name) if one in let_in and one in known]
        except Problem as problem:
            look.missed.append(problem)
            continue
        models = {record.published_model: record.outcome["shared_as"] for record in publications}
        if share is not None and _holds(look, share, models, readers):
            continue
        yield Finding(
            object_name=name,
            wanted=f"A share with {len(models)} model(s).",
            found="There is no share of this name." if share is None else "The share lacks models or readers.",
            record=("publication", one.id),
            marks=frozenset({f"share {name}"}),
            target={
                "share": name,
                "audience": one.audience,
                "comment": f"Made by Causeway for audience {one.audience} of project {look.project}.",
                "models": models,
                "beside": _list_beside(look, name, publications),
                "readers": readers,
            },
        )


@drift("share-foreign", CRITICAL, "share")
def find_foreign(look: Look) -> Iterator[Finding]:
    """A share of our name that somebody else made: consumers take what lies in it for ours."""
    for name in _list_names(look):
        found = None if _is_hidden(look, name) else find_share(look, name)
        if found is not None and not is_own(look, found):
            yield Finding(
                object_name=name,
                wanted="A share that Causeway made.",
                found=f"The share was made by {found.created_by or found.owner}.",
                marks=frozenset({f"share {name}"}),
                advice="Find out who made it. Have it dropped, and put back what was there; or have an admin adopt it.",
            )


@drift("share-hidden", HIGH, "share")
def find_hidden(look: Look) -> Iterator[Finding]:
    """A share that is there and that Causeway may not even read: it belongs to somebody else now."""
    for name in list_promised(look):
        if _is_hidden(look, name):
            yield Finding(
                object_name=name,
                wanted=f"A share that {look.control} owns, or may at least read.",
                found="The workspace refuses it to Causeway: somebody gave it to another owner.",
                advice=f"Have its owner give share {name} back to {look.control}, or grant it USE_SHARE.",
            )


@drift("share-owner-person", MEDIUM, "share")
def find_owned_by_person(look: Look) -> Iterator[Finding]:
    """What recipients may read is decided by the owner's rights: a person who leaves takes the share along."""
    for share, _ in iterate_own(look):
        if is_person(share.owner):
            yield Finding(
                object_name=share.name,
                wanted="An owner that does not leave: a service principal or a group.",
                found=f"{share.owner} owns it: this share stops when {share.owner} loses a right to what is in it.",
                detail=str(share.owner),
                advice=f"Have {share.owner} or an admin give share {share.name} to {look.control} or to a group.",
            )


@drift("share-object-denied", HIGH, "shared object")
def find_denied(look: Look) -> Iterator[Finding]:
    """The share's owner lost its right to an object: consumers are told that it does not exist."""
    for share, _ in iterate_own(look):
        for item in share.objects or []:
            if not item.active:
                yield Finding(
                    object_name=item.name,
                    detail=share.name,
                    wanted=f"{item.name} is seen by the readers of share {share.name}.",
                    found=f"Its status is PERMISSION_DENIED: {share.owner} has lost its right to it.",
                    marks=frozenset({f"model {item.name.lower()}"}),
                    advice=f"Have USE_CATALOG, USE_SCHEMA and EXECUTE on {item.name} granted to {share.owner}.",
                )


@drift(
    "share-object-missing",
    HIGH,
    "shared object",
    put_back=Remedy(
        "Put it into the share again, under the name that consumers know.", "publish", _put_object_back, lock=_lock
    ),
)
def find_missing(look: Look) -> Iterator[Finding]:
    """A model with promised versions is not in its share, or what a publication or an audience change put beside it."""
    for share, publications in iterate_own(look):
        held = {item.name.lower() for item in share.objects or []}
        for model, record in {one.published_model: one for one in publications}.items():
            if model.lower() not in held:
                shared_as = record.outcome["shared_as"]
                found = _finding_of_missing(share, model, f"as {shared_as}", kind=MODEL, shared_as=shared_as)
                yield replace(found, record=("publication", record.id), marks=frozenset({f"model {model}"}))
        for one in _list_beside(look, share.name, publications):
            if one["name"].lower() not in held:
                yield _finding_of_missing(share, one["name"], f"as a {one['kind']} beside models", kind=one["kind"])


@drift(
    "share-object-foreign",
    CRITICAL,
    "shared object",
    put_back=Remedy("Take it out of the share; the object itself stays where it is.", JUDGE, _take_model_out),
)
def find_unexpected(look: Look) -> Iterator[Finding]:
    """Something that nobody published lies in the share, and all its readers see it."""
    for share, publications in iterate_own(look):
        for item in share.objects or []:
            if not _belongs(look, share, publications, item):
                yield Finding(
                    object_name=item.name,
                    detail=share.name,
                    wanted=f"Share {share.name} holds vetted copies of the project and what was published beside them.",
                    found=f"It also holds {item.kind.lower()} {item.name}, which nobody published.",
                    remedies=None if item.kind == MODEL else frozenset(),
                    target={"share": share.name, "model": item.name},
                    advice="Apply the remedy." if item.kind == MODEL else f"Have it removed from share {share.name}.",
                )


def _finding_of_missing(share: Share, name: str, how: str, **target: str) -> Finding:
    return Finding(
        object_name=name,
        detail=share.name,
        wanted=f"{name} is in share {share.name} {how}.",
        found="The share does not hold it.",
        marks=frozenset({f"share {share.name}"}),
        target={"share": share.name, **target},
    )


def _holds(look: Look, share: Share, models: Iterable[str], readers: list[str]) -> bool:
    """Whether the models and the readers of a share that was put back are there: they came last."""
    held = {item.name.lower() for item in share.objects or []}
    return held >= {model.lower() for model in models} and set(readers) <= set(
        look.ask(shares.list_readers, look.workspace, share.name)
    )


def _list_beside(look: Look, share: str, publications: list[Publication]) -> list[dict[str, str]]:
    """What lies in the share beside models as long as nobody takes it out: `kind` and `name` of each."""
    audience = look.share_names.get(share)
    tables = look.ask(contents.list_put_in, look.project, look.workspace, audience) if audience else set()
    beside = [{"kind": "table", "name": table} for table in sorted(tables)]
    beside += [need for record in publications for need in record.outcome.get("needs", [])]
    return list({one["name"].lower(): one for one in beside}.values())


def _belongs(look: Look, share: Share, publications: list[Publication], item: SharedObject) -> bool:
    named = {one.published_model.lower() for one in publications}
    own = item.name.lower() in named or item.name.lower().startswith(f"{look.shareable_catalog}.{share.name}.")
    audience = look.share_names.get(share.name)
    if own or audience is None:
        return own
    return item.name.lower() in look.ask(contents.list_expected, look.project, look.workspace, audience)


def _list_names(look: Look) -> list[str]:
    """The shares in which something is promised, and those that are there under a name of the project's."""
    listed = {one.name for one in look.ask(shares.list_all, look.workspace)} if look.may_publish else set()
    return sorted({*list_promised(look), *(listed & set(look.share_names))})


def _is_hidden(look: Look, name: str) -> bool:
    try:
        find_share(look, name)
    except WorkspaceRefused:
        return True
    return False
