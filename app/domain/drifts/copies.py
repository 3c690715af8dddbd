"""Drift of vetted copies: one that was promised is gone, and one that nobody vetted lies where only copies may."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from app.domain import contents, copies, publication_requests, publications
from app.domain.access import Caller
from app.domain.drifts.kinds import (
    ACCEPT,
    CRITICAL,
    HIGH,
    JUDGE,
    PUT_BACK,
    Finding,
    PlainChanges,
    Remedy,
    drift,
    ended_by,
)
from app.domain.drifts.looks import VERSION, Look
from app.domain.operations import Key, Operation
from app.domain.workflows import Work
from app.errors import CatalogNotFound, ModelNotFound, WorkspaceRefused
from app.store import records as store
from app.store.drifts import Drift
from app.store.publications import Publication
from app.workspaces import catalogs, models
from app.workspaces.models import ModelVersion

WITHDRAWN = "WITHDRAWN"


def list_schemas(look: Look) -> list[str]:
    """Where the project's vetted copies lie: a schema for each audience for which something was ever published."""
    catalog = look.shareable_catalog
    if catalog is None:
        return []
    there = look.ask(_read_schemas, look.workspace, catalog)
    return [f"{catalog}.{share}" for share in sorted(look.share_names) if share in there]


def list_versions(look: Look, model: str) -> list[ModelVersion]:
    """The model's versions, none where there is no such model; raises `WorkspaceRefused` where it is hidden from us."""
    return look.ask(_read_versions, look.workspace, model)


def is_hidden(look: Look, model: str) -> bool:
    """Whether the workspace refuses the model to Causeway."""
    try:
        list_versions(look, model)
    except WorkspaceRefused:
        return True
    return False


def _publish_again(caller: Caller, key: Key, drift: Drift) -> Operation:
    """The version that was published, or the one that the finding is about, in the same way for the same audience."""
    one = store.get(Publication, str(drift.record_id))
    place = (one.project, one.workspace, one.model, drift.target.get("version", one.version), one.audience)
    # What it needs was shared with it: whatever has gone from the share since comes back with it.
    needs = bool(one.outcome.get("needs"))
    made = publication_requests.make(caller, *place, whole=one.is_whole_model, include_dependencies=needs)
    return publications.begin(caller, key, made, None)


def _lock(drift: Drift) -> str:
    return copies.lock_of(store.get(Publication, str(drift.record_id)))


def _end_publication(drift: Drift, _work: Work) -> PlainChanges:
    """The promise is over, and what rested on it alone leaves the share."""
    one = store.get(Publication, str(drift.record_id))
    if one.is_whole_model:
        contents.remove_whole(one.workspace, one.share, one.model, leaving=[one.id])
    contents.clear([one.id])
    return [(Publication.kind, one.id, {"state": WITHDRAWN}, ended_by(drift))]


def _replace_publication(drift: Drift, work: Work) -> PlainChanges:
    """As `_end_publication`, and the copy with other bytes is deleted: a sound one was made in its place."""
    one = store.get(Publication, str(drift.record_id))
    names = (one.workspace, one.share, one.published_model, one.outcome["shared_as"])
    copies.remove_unpromised(*names, one.published_version or 0, leaving=one.id)
    return _end_publication(drift, work)


def _delete_version(drift: Drift, _work: Work) -> None:
    copies.remove_unpromised(drift.workspace, **drift.target)


@drift(
    "version-gone",
    HIGH,
    VERSION,
    put_back=Remedy(
        "Publish the same version again: copied, proved and shared anew, as a further version of the copy. "
        "The publication that lost its copy ends as WITHDRAWN.",
        "publish",
        _end_publication,
        _publish_again,
    ),
    accept=Remedy(
        "Take it for withdrawn: the publication ends as WITHDRAWN, with this as its cause.",
        "withdraw",
        _end_publication,
        lock=_lock,
    ),
)
def find_gone(look: Look) -> Iterator[Finding]:
    """The version that a publication promises was deleted: its consumers have lost it."""
    for one in look.promises.publications:
        if is_hidden(look, one.published_model):
            continue
        if one.published_version not in {found.version for found in list_versions(look, one.published_model)}:
            yield Finding(
                **_tell(one),
                found="There is no such version.",
                # The source itself is gone: nothing is left to publish again.
                remedies=frozenset({ACCEPT}) if one.is_whole_model else None,
                target={"share": one.share},
            )


@drift(
    "version-unvetted",
    CRITICAL,
    VERSION,
    put_back=Remedy(
        "Delete the version for good; nobody who reads the share sees it any more.", JUDGE, _delete_version
    ),
    accept=Remedy(
        "Publish the version of a model that is shared whole, too: with its digest and signature, as it is now.",
        "publish",
        begin=_publish_again,
    ),
)
def find_unvetted(look: Look) -> Iterator[Finding]:
    """A version without a publication, where every version is seen by an audience: nothing is worse.

    Causeway's own copies come before their publications: those that an operation is making are no drift. Nobody
    else's are excused by that. A model that is shared whole shows each version that somebody makes of it later.
    """
    yield from _find_later(look)
    vetted = {(one.published_model, one.published_version) for one in look.promises.publications}
    for schema in list_schemas(look):
        for model in _list_models(look, schema):
            for version in [] if is_hidden(look, model) else list_versions(look, model):
                place = (model, version.version)
                if place not in vetted and not copies.list_promises(look.workspace, *place):
                    is_own = version.created_by == look.control
                    yield Finding(
                        object_name=f"{model} version {version.version}",
                        wanted=f"Only vetted copies lie in {schema}.",
                        found=f"{version.created_by or 'Somebody'} made it, and no publication vouches for it.",
                        marks=frozenset({f"model {model}"}) if is_own else frozenset(),
                        remedies=frozenset({PUT_BACK}),
                        target=_name_copy(look, model, version.version),
                        advice="Delete it by the remedy; then find out how its maker could write there.",
                    )


@drift(
    "digest-changed",
    CRITICAL,
    VERSION,
    put_back=Remedy(
        "Publish the same version again: the copy with other bytes is deleted, and a sound one is made and proved. "
        "The publication that lost its copy ends as WITHDRAWN.",
        "publish",
        _replace_publication,
        _publish_again,
    ),
    accept=Remedy(
        "Publish the version of a model that is shared whole again, as it is now, with its digest and signature. "
        "The publication that promised other bytes ends as WITHDRAWN.",
        "publish",
        _end_publication,
        _publish_again,
    ),
    needs_bytes=True,
)
def find_changed(look: Look) -> Iterator[Finding]:
    """The version has other bytes than were published: whoever loads it loads something that nobody vetted."""
    for one in look.promises.publications:
        digest = (look.digests or {}).get((one.published_model, one.published_version or 0))
        if digest is not None and digest != one.digest:
            yield Finding(
                **_tell(one),
                found=f"Its files have digest {digest}.",
                remedies=frozenset({ACCEPT if one.is_whole_model else PUT_BACK}),
                target={
                    "share": one.share,
                    "read": {"model": one.published_model, "version": one.published_version, "digest": digest},
                },
            )


@drift("model-hidden", HIGH, "model")
def find_hidden(look: Look) -> Iterator[Finding]:
    """Causeway may not read a model among its own vetted copies: nobody knows what its readers are shown."""
    for schema in list_schemas(look):
        promised = {
            one.published_model for one in look.promises.publications if one.published_model.startswith(f"{schema}.")
        }
        for model in sorted({*_list_models(look, schema), *promised}):
            if is_hidden(look, model):
                yield Finding(
                    object_name=model,
                    wanted=f"A model that {look.control} owns.",
                    found="The workspace refuses it to Causeway: it belongs to somebody else.",
                    advice=f"Have model {model} given to {look.control}.",
                )


def _find_later(look: Look) -> Iterator[Finding]:
    """The versions of models shared whole that came after the last publication of each, by the share."""
    whole = [one for one in look.promises.publications if one.is_whole_model]
    for (share, model), one in {(one.share, one.published_model): one for one in whole}.items():
        same = [other for other in whole if (other.share, other.published_model) == (share, model)]
        vouched = {version for other in same for version in other.versions}
        for version in [] if is_hidden(look, model) else list_versions(look, model):
            if version.version not in vouched:
                yield Finding(
                    object_name=f"{model} version {version.version}",
                    detail=share,
                    wanted=f"Each version of {model}, which share {share} holds whole, came with a publication.",
                    found=f"{version.created_by or 'Somebody'} made it since, and the readers of the share see it.",
                    record=("publication", one.id),
                    marks=frozenset({f"model {model}"}),
                    remedies=frozenset({ACCEPT}),
                    target={"share": share, "version": version.version},
                    advice=f"Publish it by the remedy; or have its owner delete it, or withdraw {model}.",
                )


def _tell(one: Publication) -> dict[str, Any]:
    """What is the same of each finding about the version that a publication promises."""
    what = "The version itself" if one.is_whole_model else f"The vetted copy of {one.model} version {one.version}"
    return {
        "object_name": f"{one.published_model} version {one.published_version}",
        "detail": one.id,
        "wanted": f"{what}, for audience {one.audience}, digest {one.digest}.",
        "record": ("publication", one.id),
        "marks": frozenset({one.id, f"model {one.published_model}"}),
    }


def _name_copy(look: Look, model: str, version: int) -> dict[str, Any]:
    _, share, last = model.split(".")
    return {"share": share, "model": model, "shared_as": f"{look.project}.{last}", "version": version}


def _list_models(look: Look, schema: str) -> list[str]:
    return look.ask(_read_models, look.workspace, schema)


def _read_schemas(workspace: str, catalog: str) -> list[str]:
    try:
        return catalogs.list_schemas(workspace, catalog)
    except CatalogNotFound:
        return []


def _read_models(workspace: str, schema: str) -> list[str]:
    try:
        return [one.name for one in models.iterate_models(workspace, schema)]
    except ModelNotFound:
        return []


def _read_versions(workspace: str, model: str) -> list[ModelVersion]:
    try:
        return list(models.iterate_versions(workspace, model))
    except ModelNotFound:
        return []
