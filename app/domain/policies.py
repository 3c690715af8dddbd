"""May this version be published for this audience? Each rule of the audience's policy, with what was seen.

All of it is judged from what the workspace and our own records say; nothing is loaded.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.configuration import Policy
from app.domain import audiences
from app.domain.plans import Check
from app.errors import PolicyUnmet, WorkspaceRefused
from app.store import records
from app.store.training_runs import TrainingRun
from app.workspaces import models

LICENCE_TAGS = ("licence", "license")


@dataclass(frozen=True)
class Rule:
    """One rule of a policy: its name, what was seen, what is needed, and whether that is met."""

    rule: str
    seen: str
    needed: str
    met: bool

    def as_check(self) -> Check:
        """The rule as a plan lists it."""
        return Check(f"policy: {self.rule}", f"{self.seen}; needed: {self.needed}")


@dataclass(frozen=True)
class Metrics:
    """The metrics of a version, and whose word they are."""

    values: dict[str, float]
    origin: str


def judge(project: str, audience: str, workspace: str, model: str, version: int) -> list[Rule]:
    """The audience's rules for the version as it is now, met or not; empty where the audience has none.

    What only the copy job can see, the scan, is told by `explain_findings`. Raises `ModelVersionNotFound`.
    """
    policy = audiences.get(project, audience).policy
    rules: list[Rule] = []
    if policy.metrics:
        rules += judge_metrics(policy, find_metrics(project, workspace, model, version))
    if policy.tags or policy.licence:
        tags = models.get_version(workspace, model, version).tags or {}
        rules += judge_tags(policy, tags)
    return rules


def require(model: str, version: int, audience: str, rules: list[Rule]) -> None:
    """Raise `PolicyUnmet` that lists every rule that is not met."""
    if not all(rule.met for rule in rules):
        raise _unmet(model, version, audience, rules)


def judge_metrics(policy: Policy, metrics: Metrics) -> list[Rule]:
    """A rule for each metric of the policy."""
    rules = []
    for name, bounds in sorted(policy.metrics.items()):
        value = metrics.values.get(name)
        needed = [f"at most {bounds.at_most:g}"] if bounds.at_most is not None else []
        needed += [f"at least {bounds.at_least:g}"] if bounds.at_least is not None else []
        # A value that is not a number fails every comparison, and so is never met.
        met = value is not None
        met = met and (bounds.at_most is None or float(value or 0) <= bounds.at_most)
        met = met and (bounds.at_least is None or float(value or 0) >= bounds.at_least)
        seen = f"{value!r} by {metrics.origin}" if value is not None else f"not stated by {metrics.origin}"
        rules.append(Rule(f"metrics.{name}", seen, " and ".join(needed), met))
    return rules


def judge_tags(policy: Policy, tags: dict[str, str]) -> list[Rule]:
    """A rule for each tag of the policy, and one for the licence."""
    rules = []
    for name, wanted in sorted(policy.tags.items()):
        seen = repr(tags[name]) if name in tags else "missing"
        met = name in tags if wanted is None else tags.get(name) == wanted
        rules.append(Rule(f"tags.{name}", seen, "any value" if wanted is None else repr(wanted), met))
    if policy.licence:
        licence = find_licence(tags)
        needed = "a tag licence with an SPDX id or other words"
        rules.append(Rule("licence", licence or "missing", needed, licence is not None))
    return rules


def find_metrics(project: str, workspace: str, model: str, version: int) -> Metrics:
    """What the version's own training run measured, else what its MLflow run says where that can be read."""
    run = find_training(project, workspace, model, version)
    if run is not None:
        return Metrics(dict(run.outcome.get("metrics") or {}), f"training run {run.id}")
    run_id = models.get_version(workspace, model, version).run_id
    if run_id:
        # Runs belong to whoever trained.
        with suppress(WorkspaceRefused):
            found = models.find_metrics(workspace, run_id)
            if found is not None:
                return Metrics(found, f"MLflow run {run_id}")
    return Metrics({}, "no run that can be read")


def find_training(project: str, workspace: str, model: str, version: int) -> TrainingRun | None:
    """The training run that registered the version, or None."""
    place = {"project": project, "workspace": workspace, "version": version, "state": "SUCCEEDED"}
    runs = records.list_all(TrainingRun, **place)
    return next((run for run in runs if run.model.lower() == model.lower()), None)


def find_licence(tags: dict[str, str]) -> str | None:
    """What the version's tags say of its licence, or None."""
    return next((tags[name].strip() for name in LICENCE_TAGS if tags.get(name, "").strip()), None)


def explain_findings(model: str, version: int, audience: str, findings: list[dict[str, Any]]) -> PolicyUnmet:
    """What the scan of the version's files found, a rule an import."""
    rules = [
        Rule("unsafe-code", f"{one['imported']} in {one['file']} ({one['severity']})", "nothing unsafe", met=False)
        for one in findings
    ]
    return _unmet(model, version, audience, rules, findings=findings)


def _unmet(model: str, version: int, audience: str, rules: list[Rule], **more: Any) -> PolicyUnmet:
    unmet = [rule for rule in rules if not rule.met]
    told = "; ".join(f"{rule.rule} is {rule.seen}, not {rule.needed}" for rule in unmet)
    listed = [{"rule": rule.rule, "seen": rule.seen, "needed": rule.needed} for rule in unmet]
    return PolicyUnmet(model=model, version=version, audience=audience, difference=told, unmet=listed, **more)
