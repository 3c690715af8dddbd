"""Who has agreed to what? An approval binds the digest of exactly what was asked; the world moves, and it is void."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from app.domain import access, audiences, audit
from app.domain.access import Caller
from app.domain.publication_requests import PUBLISH, Publishing
from app.domain.travels import Travels
from app.errors import ApprovalMissing
from app.store import records as store
from app.store.approvals import Approval as Approval
from app.store.pages import Page
from app.workspaces import model_files

ACTION = "approve"


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


def make_publication_subject(publishing: Publishing, travels: Travels) -> Subject:
    """What publishing the version for the audience would be, as the world is now: who would see it, and all of it.

    That is everything that a plan lists as travelling. A copy carries no alias, and so none is bound. The bytes are
    named by the manifest's digest where the version was trained by Causeway; of any version by the registry's id, by
    path, size and time of change of every file, and by the SHA-256 of `MLmodel` and `requirements.txt`. The copy job
    holds the files that it has read to the same.
    """
    place = (publishing.workspace, publishing.model, publishing.version)
    content = {
        "project": publishing.project,
        "source": {"workspace": place[0], "model": place[1].lower(), "version": place[2]},
        "audience": publishing.audience,
        "readers": sorted(audiences.list_identifiers(publishing.project, publishing.audience)),
        "published_model": publishing.published_model,
        "include_dependencies": publishing.include_dependencies,
        "travels": asdict(travels),
        "sha256": model_files.list_plain_digests(*place),
    }
    return Subject(PUBLISH, content)


def keep(caller: Caller, project: str, subject: Subject, told: dict[str, Any]) -> Approval:
    """Keep that the caller agrees to the subject; again, it is the same approval. The trail tells of it what is `told`.

    Raises `PermissionDenied` for whoever is not an approver or not a person.
    """
    access.check(caller, ACTION, project)
    seed = json.dumps([caller.principal, subject.digest])
    approval = Approval(
        id=f"apr_{hashlib.sha256(seed.encode()).hexdigest()[:26]}",
        project=project,
        principal=caller.principal,
        action=subject.action,
        subject_digest=subject.digest,
        subject=subject.content,
    )
    details = {"subject_digest": subject.digest, **told}
    event = audit.event(
        caller.principal, "publish approved", project, approval.id, request_id=caller.request_id, **details
    )
    return store.say_once(approval, event)


def list_by_others(subject: Subject, principal: str) -> list[str]:
    """Who else than `principal` has agreed to exactly this, and may still do so.

    What a service account asks for, its owner asks for.
    """
    project = str(subject.content["project"])
    given = {approval.principal for approval in store.list_all(Approval, subject_digest=subject.digest)}
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
    return store.list_page(Approval, set(access.list_projects(caller)), equal, after, size)
