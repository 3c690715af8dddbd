"""Is a version let out of the house? The audience's policy and the approvals of others, looked at together.

Asked by a plan, when a publication is accepted, and by each of its attempts before anything is copied.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from app.domain import access, approvals, audiences, copies, model_cards, model_signatures, model_versions, policies
from app.domain import travels as travelling
from app.domain.access import Caller, Name
from app.domain.approvals import Approval, Subject
from app.domain.plans import Check
from app.domain.policies import Rule
from app.domain.publication_requests import PUBLISH, Publishing, check_whole
from app.domain.travels import Travels
from app.errors import CopyFailed, PolicyUnmet, SubjectChanged
from app.workspaces.model_files import Description

UNSAFE = "unsafe-code"


@dataclass(frozen=True)
class Judged:
    """What the audience's policy says: every rule, how many have to approve, and whether the copy job scans.

    `in_short` is what the copy's comment says of it.
    """

    rules: list[Rule]
    approvals_needed: int
    scan: bool
    in_short: str


@dataclass(frozen=True)
class Vetted(Judged):
    """The same with all that would travel, what others have to approve (None: nothing), and whose key signs."""

    travels: Travels
    subject: Subject | None
    key_hint: str | None

    def list_checks(self) -> list[Check]:
        """The rules as a plan lists them. How many have approved is left out: the plan stays the same when they do."""
        signed = f"with key {self.key_hint}" if self.key_hint else "no signing key is configured: by its digest alone"
        checks = [Check("the copy can be proved", signed), *(rule.as_check() for rule in self.rules)]
        if self.scan:
            checks.append(
                Check("policy: scan", "the copy job looks for unsafe pickle code, and copies nothing with it")
            )
        if self.subject is not None:
            needed = f"{self.approvals_needed} by others than whoever publishes, for {self.subject.digest}"
            checks.append(Check("policy: approvals", needed))
        return checks


def look(publishing: Publishing, description: Description) -> Vetted:
    """Judge the version as it is now; raises `PolicyUnmet` that lists every rule that is not met.

    Raises `NotForExternal` for what must not leave the house, and `SigningKeyUnusable` where a key is configured and
    cannot sign.
    """
    judged = _judge(publishing)
    travels = _look_at_travels(publishing, description, judged)
    subject = approvals.make_publication_subject(publishing, travels) if judged.approvals_needed else None
    return Vetted(
        rules=judged.rules,
        approvals_needed=judged.approvals_needed,
        scan=judged.scan,
        in_short=judged.in_short,
        travels=travels,
        subject=subject,
        key_hint=model_signatures.find_hint(),
    )


def hold(publishing: Publishing, principal: str) -> dict[str, Any]:
    """Judge the version once more, and count the approvals of others; answers what the publication keeps of it, and
    which copies are `promised` by now.

    Since it was accepted, roles, names and rules may have changed, and the version's tags: raises what `access.check`
    raises, `LinkNotDeclared`, `PolicyUnmet`, `NotForExternal` and `WholeModelRefused` where the audience goes outside
    by now, and `ApprovalMissing` when the world has moved since it was approved.
    """
    declared = audiences.get(publishing.project, publishing.audience)
    access.check(Caller(principal), PUBLISH, publishing.project, Name("model", publishing.workspace, publishing.model))
    audiences.check_links(publishing.project, publishing.audience, publishing.workspace)
    judged, subject = _judge(publishing), None
    if publishing.is_whole:
        check_whole(declared, publishing.audience, publishing.model)
    if judged.approvals_needed:
        subject = _get_subject(publishing, judged)
    elif declared.external:
        _look_at_travels(publishing, _describe(publishing), judged)
    given = require_approvals(subject, judged, principal)
    told = {"policy": [asdict(rule) for rule in judged.rules], "scan": judged.scan, "in_short": judged.in_short}
    told |= {"promised": copies.list_promised(publishing.workspace, publishing.published_model)}
    return {**told, "approved_by": given, "subject_digest": subject.digest if subject else None}


def approve(caller: Caller, publishing: Publishing, subject_digest: str) -> Approval:
    """Keep that the caller agrees to exactly this publication; again, it is the same approval.

    Raises `PermissionDenied` for whoever is not an approver or not a person, `SubjectChanged` when the digest is not
    that of what would be published now, and what `look` raises of a version that could not be published at all.
    """
    subject = _get_subject(publishing, _judge(publishing))
    if subject.digest != subject_digest:
        raise SubjectChanged(subject_digest=subject_digest, found=subject.digest)
    told = {"model": publishing.model, "version": publishing.version, "audience": publishing.audience}
    return approvals.keep(caller, publishing.project, subject, told)


def explain(problem: CopyFailed, publishing: Publishing) -> CopyFailed | PolicyUnmet:
    """`problem`, as `PolicyUnmet` with one rule an import where the copy job has found unsafe code."""
    if problem.fields.get("reason") != UNSAFE:
        return problem
    place = (publishing.model, publishing.version, publishing.audience)
    return policies.explain_findings(*place, problem.fields["findings"])


def require_approvals(subject: Subject | None, judged: Judged, principal: str) -> list[str]:
    """The others who have approved exactly this; raises `ApprovalMissing` when they are too few."""
    return approvals.require(subject, principal, judged.approvals_needed) if subject is not None else []


def _judge(publishing: Publishing) -> Judged:
    policy = audiences.get(publishing.project, publishing.audience).policy
    place = (publishing.workspace, publishing.model, publishing.version)
    rules = policies.judge(publishing.project, publishing.audience, *place)
    policies.require(publishing.model, publishing.version, publishing.audience, rules)
    training = policies.find_training(publishing.project, *place)
    in_short = model_cards.shorten(training, [rule.rule for rule in rules], policy.approvals, policy.scan)
    return Judged(rules, policy.approvals, policy.scan, in_short)


def _get_subject(publishing: Publishing, judged: Judged) -> Subject:
    return approvals.make_publication_subject(publishing, _look_at_travels(publishing, _describe(publishing), judged))


def _describe(publishing: Publishing) -> Description:
    return model_versions.get_description(publishing.workspace, publishing.model, publishing.version)


def _look_at_travels(publishing: Publishing, description: Description, judged: Judged) -> Travels:
    comment = copies.make_comment(asdict(publishing), judged.in_short)
    return travelling.look(publishing, description, comment)
