"""Are a version's bytes those that were published? Held to the publication's manifest where they are to be used."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from app import configuration, durable
from app.domain import jobs, model_signatures, model_versions
from app.domain.jobs import Job
from app.domain.workflows import Work
from app.errors import DigestMismatch, OperationProblem, SignatureInvalid, VerificationFailed

# Ours: every byte is read, and some models have many gigabytes.
TIMEOUT_SECONDS = 2 * 3600
# Ours: every byte of many versions, one after the other.
READING_SECONDS = 12 * 3600
NAME = "verify"
SHOWN = 5

Files = list[dict[str, Any]]
"""A manifest: `path`, `size` and `sha256` of each file."""


@dataclass(frozen=True)
class Held:
    """A version that is to be used, and the digest that its publication promised."""

    project: str
    workspace: str
    model: str
    version: int
    digest: str


@dataclass(frozen=True)
class Promise:
    """The digest that was promised, None for what was not published, and what is known of it, for people."""

    digest: str | None
    told: str


def make_digest(files: Files) -> str:
    """The digest of a manifest: SHA-256 over the canonical JSON of the sorted list of [path, size, sha256]."""
    rows = sorted([file["path"], file["size"], file["sha256"]] for file in files)
    canonical = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()
    return f"sha256:{hashlib.sha256(canonical).hexdigest()}"


def compare(expected: Files, found: Files) -> list[dict[str, Any]]:
    """The files that differ, by path, with the SHA-256 that each should have and has; None where it is not there."""
    wanted, had = ({file["path"]: file["sha256"] for file in files} for files in (expected, found))
    paths = sorted(wanted.keys() | had.keys())
    return [
        {"path": path, "expected": wanted.get(path), "found": had.get(path)}
        for path in paths
        if wanted.get(path) != had.get(path)
    ]


def find_promise(project: str, workspace: str, model: str, version: int) -> Promise:
    """What the version's publication promises of its bytes, after its own word was held against its signature.

    Raises `SignatureInvalid` where the signature does not vouch for the files that the publication lists, or is by a
    key that is not believed. Where no key is configured at all, nothing can be held against it, and that is said.
    """
    publication = model_versions.find_publication(project, workspace, model, version)
    if publication is None or publication.digest is None:
        return Promise(None, "not a published version: no digest to hold it to")
    files, bundle = publication.outcome.get("files") or [], publication.outcome.get("signature")
    if files and make_digest(files) != publication.digest:
        raise SignatureInvalid(publication=publication.id, reason="its digest is not that of the files it lists")
    if bundle is None:
        return Promise(publication.digest, f"{publication.digest}, not signed")
    if not model_signatures.can_verify():
        return Promise(publication.digest, f"{publication.digest}, signed, and no key is configured to hold it against")
    if fault := model_signatures.find_fault(bundle, files):
        raise SignatureInvalid(publication=publication.id, reason=fault)
    return Promise(publication.digest, f"{publication.digest}, signed with key {model_signatures.get_hint(bundle)}")


async def verify(work: Work, held: Held) -> dict[str, Any]:
    """Have a job of control read every file of the version; answers what it found.

    Raises `DigestMismatch` that names the files that differ.
    """
    workspace = configuration.current().workspaces[held.workspace]
    job = Job(
        name=NAME,
        workspace=held.workspace,
        volume=workspace.volume,
        parameters={"model": held.model, "version": held.version, "digest": held.digest},
        run_as=None,
        refused=VerificationFailed,
        timeout_seconds=TIMEOUT_SECONDS,
    )
    try:
        return await jobs.run(work, job)
    except VerificationFailed as problem:
        raise await name_files(problem, held) from problem


async def read(
    work: Work, workspace: str, versions: list[dict[str, Any]], *, list_files: bool = False
) -> list[dict[str, Any]]:
    """What a job of control reads of each of the versions (`model`, `version`): its `digest`, and its `files` if asked.

    The digest is None for one that is not there or that control does not see. Raises `VerificationFailed`.
    """
    job = Job(
        name="digests",
        workspace=workspace,
        volume=configuration.current().workspaces[workspace].volume,
        parameters={"versions": versions, "list_files": list_files},
        run_as=None,
        refused=VerificationFailed,
        timeout_seconds=READING_SECONDS,
    )
    found: list[dict[str, Any]] = (await jobs.run(work, job))["versions"]
    return found


async def name_files(problem: OperationProblem, held: Held) -> OperationProblem:
    """`problem`, as `DigestMismatch` that names the files where a job has found other bytes than were published."""
    if problem.fields.get("reason") != "digest-mismatch":
        return problem
    found: Files = problem.fields["files"]
    fields = await durable.step("find the files that differ", _find_difference, held, found)
    return DigestMismatch(**fields)


def _find_difference(held: Held, found: Files) -> dict[str, Any]:
    publication = model_versions.find_publication(held.project, held.workspace, held.model, held.version)
    # A publication that was withdrawn meanwhile has no files to compare with.
    differing = compare(publication.outcome["files"], found) if publication is not None else []
    paths = [file["path"] for file in differing]
    return {
        "model": held.model,
        "version": held.version,
        "digest": make_digest(found),
        "expected": held.digest,
        "files": differing,
        "count": len(differing),
        "paths": ", ".join(paths[:SHOWN]) + (" …" if len(paths) > SHOWN else ""),
    }
