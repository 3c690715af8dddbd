"""Is a version let out of the house? The audience's policy and the approvals of others, looked at together.

Asked by a plan, when a publication is accepted, and once more before anything of it is copied.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from app.domain import approvals, audiences, model_cards, model_signatures, policies
from app.domain.approvals import Subject
from app.domain.plans import Check
from app.domain.policies import Rule
from app.errors import CopyFailed, PolicyUnmet

UNSAFE = "unsafe-code"


@dataclass(frozen=True)
class Asked:
    """Which version is to be published for which audience."""

    project: str
    workspace: str
    model: str
    version: int
    audience: str


@dataclass(frozen=True)
class Vetted:
    """What looking found: every rule, what others have to approve (None: nothing), and whose key signs the copy.

    `in_short` is what the copy's comment says of it.
    """

    rules: list[Rule]
    subject: Subject | None
    approvals_needed: int
    scan: bool
    key_hint: str | None
    in_short: str

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


def look(asked: Asked) -> Vetted:
    """Judge the version as it is now; raises `PolicyUnmet` that lists every rule that is not met.

    Raises `SigningKeyUnusable` where a key is configured and cannot sign.
    """
    policy = audiences.get(asked.project, asked.audience).policy
    rules = policies.judge(asked.project, asked.audience, asked.workspace, asked.model, asked.version)
    policies.require(asked.model, asked.version, asked.audience, rules)
    subject = approvals.get_publication_subject(**asdict(asked)) if policy.approvals else None
    training = policies.find_training(asked.project, asked.workspace, asked.model, asked.version)
    in_short = model_cards.shorten(training, [rule.rule for rule in rules], policy.approvals, policy.scan)
    return Vetted(rules, subject, policy.approvals, policy.scan, model_signatures.find_hint(), in_short)


def hold(asked: Asked, principal: str) -> dict[str, Any]:
    """Judge the version and count the approvals of others; answers what the publication keeps of it.

    Raises `PolicyUnmet`, and `ApprovalMissing` when the world has moved since it was approved.
    """
    vetted = look(asked)
    given = require_approvals(vetted, principal)
    subject_digest = vetted.subject.digest if vetted.subject else None
    rules = [asdict(rule) for rule in vetted.rules]
    told = {"policy": rules, "approved_by": given, "subject_digest": subject_digest, "scan": vetted.scan}
    return {**told, "in_short": vetted.in_short}


def check_alone(asked: Asked, vetted: Vetted, included: list[dict[str, str]]) -> None:
    """Nothing goes out beside the version where others approve: they have seen the version alone.

    Raises `PolicyUnmet` that names what would.
    """
    if vetted.subject is not None and included:
        seen = f"for more than the version: {', '.join(one['name'] for one in included)}"
        needed = "for what others approve: the version alone, with what it needs shared already"
        rules = [Rule("approvals", seen, needed, met=False)]
        policies.require(asked.model, asked.version, asked.audience, rules)


def explain(problem: CopyFailed, asked: Asked) -> CopyFailed | PolicyUnmet:
    """`problem`, as `PolicyUnmet` with one rule an import where the copy job has found unsafe code."""
    if problem.fields.get("reason") != UNSAFE:
        return problem
    return policies.explain_findings(asked.model, asked.version, asked.audience, problem.fields["findings"])


def require_approvals(vetted: Vetted, principal: str) -> list[str]:
    """The others who have approved exactly this; raises `ApprovalMissing` when they are too few."""
    if vetted.subject is None:
        return []
    return approvals.require(vetted.subject, principal, vetted.approvals_needed)
