"""The vetted copy: made by a job in the provider's workspace, proved, promised by publications, and deleted again."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from app.domain import model_signatures, proofs
from app.domain.jobs import Job
from app.domain.workflows import Work
from app.domain.workspaces import is_beside
from app.errors import (
    CopyFailed,
    DigestMismatch,
    ModelNotFound,
    ModelVersionNotReady,
    OperationInProgress,
    PublishedNameTaken,
    WorkspaceConflict,
)
from app.store import locks
from app.store import records as store
from app.store.publications import Publication
from app.workspaces import models, runs, shares

# Ours: a copy reads and writes every byte of a model, and some have many gigabytes.
TIMEOUT_SECONDS = 2 * 3600


def lock(workspace: str, published_model: str, model: str, version: int) -> str:
    """What publishing and withdrawing lock: one source version's place in one shareable model."""
    return f"{workspace}/models/{published_model}/copies/{model}/{version}"


def lock_whole(workspace: str, share: str, model: str) -> str:
    """What publishing and withdrawing a whole model lock: its place in the share."""
    return f"{workspace}/shares/{share}/models/{model}"


def lock_all(workspace: str, published_model: str) -> str:
    """What withdrawing all copies of a shareable model locks."""
    return f"{workspace}/models/{published_model}/copies"


def lock_of(record: Publication) -> str:
    """What publishing and withdrawing this publication lock."""
    if record.is_whole_model:
        return lock_whole(record.workspace, record.share, record.model)
    return lock(record.workspace, record.published_model, record.model, record.version)


def check_staying(workspace: str, published_model: str) -> None:
    """Nobody is about to withdraw all copies of the model; raises `OperationInProgress`.

    That operation waits for those publications alone that looked before it was accepted.
    """
    resource = lock_all(workspace, published_model)
    if (holder := locks.list_holders([resource]).get(resource)) is not None:
        raise OperationInProgress(operation=holder, resource=resource)


def make_job(operation_id: str, request: dict[str, Any], about: str, scan: bool, promised: list[int]) -> Job:
    """The job that copies the version of a publish request. It loads nothing, and so runs as control itself.

    What is said `about` the version stands in the copy's comment. Nothing is copied when its files are not those that
    were looked at, or with `scan` when they would run unsafe code as they are unpickled. Copies that are `promised`
    stay, whatever has become of their source.
    """
    source = {"model": request["model"], "version": request["version"]}
    parameters = {
        "operation_id": operation_id,
        "source": source,
        "target": {"model": request["published_model"]},
        "promised": promised,
        "comment": make_comment(request, about),
        "scan": scan,
        "files": request.get("files") or None,
        "digest": request.get("digest"),
        "carried": request["tags"],
        "tags": {"causeway_project": request["project"], "causeway_audience": request["audience"]},
    }
    return Job(
        name="copy",
        workspace=request["workspace"],
        volume=request["volume"],
        parameters=parameters,
        run_as=None,
        refused=CopyFailed,
        timeout_seconds=TIMEOUT_SECONDS,
    )


async def read_source(work: Work) -> dict[str, Any]:
    """What stands in for the copy of a publish request that shares the model itself: the bytes that it has now."""
    request = work.request
    version = {"model": request["model"], "version": request["version"]}
    (found,) = await proofs.read(work, request["workspace"], [version], list_files=True)
    return {"mlflow": None, "requirements": [], "reused": False, **found}


def make_comment(request: dict[str, Any], about: str = "") -> str:
    """What the copy says of itself to whoever sees it: what it is, and what there is to say `about` the version."""
    audience = f"audience {request['audience']} of project {request['project']}"
    return f"Vetted copy of {request['model']} version {request['version']} for {audience}. {about}".strip()


def prove(workspace: str, model: str, copy: dict[str, Any]) -> None:
    """Hold the job's result against itself and against the registry.

    Raises `DigestMismatch` when the digest is not the manifest's, also where nothing could be read, and
    `ModelVersionNotReady` when the version is not READY.
    """
    digest = proofs.make_digest(copy["files"])
    if digest != copy["digest"]:
        stated = {"digest": digest, "expected": copy["digest"], "files": [], "count": 0, "paths": "the list itself"}
        raise DigestMismatch(model=model, version=copy["version"], **stated)
    found = models.get_version(workspace, model, copy["version"])
    if found.state != models.READY:
        raise ModelVersionNotReady(workspace=workspace, model=model, version=found.version, state=found.state)


def vouch(workspace: str, model: str, shared_as: str, copy: dict[str, Any]) -> dict[str, Any] | None:
    """As `prove`, and then the signature over what was proved, or None where no key is configured."""
    prove(workspace, model, copy)
    return model_signatures.sign(shared_as, copy["files"])


def shared_name(model: str) -> str:
    """By which last name consumers see a model, whatever its source is called.

    A shared name takes letters, digits and underscores only [SDK]; names are case-insensitive [DOC].
    """
    return model.rpartition(".")[2].replace("-", "_").lower()


def check_name(share: str, workspace: str, published_model: str, model: str, before: str | None = None) -> None:
    """A name in a share stands for one model, copied or whole: raises `PublishedNameTaken` when another came first.

    `before` is a publication's id: those that were accepted after it and are under way do not count, so that of two at
    once one wins. One that is published by now does: it came while this one had failed.
    """
    counting = {"PENDING", "ACTIVE"}
    for record in store.list_all(Publication, workspace=workspace, share=share):
        if record.id == before:
            counting = {"ACTIVE"}
            continue
        same_name = shared_name(record.published_model) == shared_name(published_model)
        another = (record.published_model, record.model) != (published_model, model)
        if record.state in counting and same_name and another:
            raise PublishedNameTaken(published_model=published_model, model=model, taken_by=record.model)


def list_promised(workspace: str, published_model: str) -> list[int]:
    """The versions of the shareable model that active publications rest on."""
    records = store.list_all(Publication, state="ACTIVE", workspace=workspace, published_model=published_model)
    return sorted({one.published_version for one in records if one.published_version is not None})


def list_promises(workspace: str, published_model: str, version: int) -> list[str]:
    """The ids of the active publications that rest on the copy, from whichever workspace of the metastore."""
    promised = {"published_model": published_model, "published_version": version}
    found = store.list_all(Publication, state="ACTIVE", **promised)
    return [record.id for record in found if is_beside(workspace, record.workspace)]


def remove_unpromised(
    workspace: str, share: str, model: str, shared_as: str, version: int, leaving: str | None = None
) -> None:
    """Delete a copy that no active publication, beside one that is `leaving`, rests on: nobody is to see it."""
    if not {*list_promises(workspace, model, version)} - {leaving}:
        models.remove_version(workspace, model, version)
        clear(workspace, share, model, shared_as)


def remove_unfinished(request: dict[str, Any], run: dict[str, Any] | None) -> None:
    """Delete what the copy job of a cancelled publish request has made, unless an active publication rests on it.

    Raises `WorkspaceConflict`, which is retryable, while the job run is still ending: it might make the copy yet.
    """
    workspace, model = request["workspace"], request["published_model"]
    if run is None:
        return
    if runs.get_run(run["workspace"], run["run_id"]).state in {"PENDING", "RUNNING"}:
        raise WorkspaceConflict(workspace=workspace, action=f"deleting copies in {model}")
    with suppress(ModelNotFound):
        for version in list(models.iterate_versions(workspace, model)):
            if (version.comment or "").startswith(make_comment(request)):
                remove_unpromised(workspace, request["share"], model, request["shared_as"], version.version)


def clear(workspace: str, share: str, model: str, shared_as: str) -> None:
    """Take a model without versions out of the share.

    A version that came meanwhile brings it back: its own operation may have seen the entry just before it went.
    """
    if not _has_versions(workspace, model):
        shares.remove_model(workspace, share, model)
        if _has_versions(workspace, model):
            shares.ensure_model(workspace, share, model, shared_as=shared_as)


def _has_versions(workspace: str, model: str) -> bool:
    try:
        return any(True for _ in models.iterate_versions(workspace, model))
    except ModelNotFound:
        return False
