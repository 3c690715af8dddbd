"""Who has agreed to what? An approval binds the digest of exactly what was asked; the world moves, and it is void."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from app.domain import access, audiences, audit
from app.domain.access import Caller, Name
from app.errors import ApprovalMissing, SubjectChanged
from app.store import approvals as store
from app.store.approvals import Approval as Approval
from app.store.pages import Page
from app.workspaces import model_files, models

ACTION = "approve"
PUBLISH = "publish"


@dataclass(frozen=True)
class Subject:
    """What is agreed to: `action` says what would be done, `content` holds every name and identity that matters."""

    action: str
    content: dict[str, Any]

    @property
    def digest(self) -> str:
        """Equal for equal subjects, across processes and releases."""
        canonical = json.dumps([self.action, self.content], sort_keys=True, separators=(",", ":"))
        return f"sha256:{hashlib.sha256(canonical.encode()).hexdigest()}"


def get_publication_subject(project: str, workspace: str, model: str, version: int, audience: str) -> Subject:
    """What publishing the version for the audience would be, as the world is now.

    The bytes are named by the registry's id of the version, by path and size of every file, and by the SHA-256 of
    `MLmodel` and `requirements.txt`; the platform changes no file of a READY version [DOC]. The copy's own digest is
    known only once a job has read all of it.
    """
    found = models.get_version(workspace, model, version)
    files = [[file.path, file.size] for file in model_files.list_files(workspace, model, version)]
    content = {
        "project": project,
        "source": {"workspace": workspace, "model": model.lower(), "version": version, "id": found.id},
        "audience": audience,
        "readers": sorted(audiences.list_identifiers(project, audience)),
        "files": files,
        "sha256": model_files.list_plain_digests(workspace, model, version),
    }
    return Subject(PUBLISH, content)


def approve_publication(
    caller: Caller, project: str, workspace: str, model: str, version: int, audience: str, subject_digest: str
) -> Approval:
    """Keep that the caller agrees; again, it is the same approval.

    Raises `PermissionDenied` for whoever is not an approver or not a person, and `SubjectChanged` when the digest is
    not that of what would be published now.
    """
    access.check(caller, ACTION, project, Name("model", workspace, model))
    audiences.get(project, audience)
    subject = get_publication_subject(project, workspace, model, version, audience)
    if subject.digest != subject_digest:
        raise SubjectChanged(subject_digest=subject_digest, found=subject.digest)
    seed = json.dumps([caller.principal, subject.digest])
    approval = Approval(
        id=f"apr_{hashlib.sha256(seed.encode()).hexdigest()[:26]}",
        project=project,
        principal=caller.principal,
        action=subject.action,
        subject_digest=subject.digest,
        subject=subject.content,
    )
    told: dict[str, Any] = {"subject_digest": subject.digest, "model": model, "version": version, "audience": audience}
    event = audit.event(
        caller.principal, "publish approved", project, approval.id, request_id=caller.request_id, **told
    )
    return store.insert(approval, event)


def list_by_others(subject: Subject, principal: str) -> list[str]:
    """Who else than `principal` has agreed to exactly this, and may still do so.

    What a service account asks for, its owner asks for.
    """
    project = str(subject.content["project"])
    given = {approval.principal for approval in store.list_of(subject.digest)}
    own = {principal, access.find_owner(principal)}
    return sorted(one for one in given - own if access.may(one, ACTION, project))


def require(subject: Subject, principal: str, needed: int) -> list[str]:
    """Who has agreed, of others than `principal`; raises `ApprovalMissing` when they are too few."""
    given = list_by_others(subject, principal)
    if len(given) < needed:
        raise ApprovalMissing(subject_digest=subject.digest, given=len(given), needed=needed, principal=principal)
    return given


def list_page(caller: Caller, equal: dict[str, Any], after: str | None, size: int) -> Page[Approval]:
    """Newest first: the approvals of the caller's projects."""
    return store.list_page(set(access.list_projects(caller)), equal, after, size)
