"""What would giving an acceptance back hit? Who serves, scores and rests on its catalog, and what would be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app import configuration
from app.domain import access, records, resting_acceptances
from app.domain.access import Caller, Name
from app.domain.plans import Change, Check, Plan
from app.domain.resting_acceptances import Resting
from app.store import records as store
from app.store.acceptances import Acceptance
from app.store.deployments import Deployment
from app.store.scoring_runs import ScoringRun
from app.workspaces import endpoints

Served = tuple[str, str, str]
"""Served entity, model, version."""


@dataclass(frozen=True)
class Serving:
    """An endpoint, and what of the catalog it serves."""

    workspace: str
    name: str
    served: list[Served]


@dataclass(frozen=True)
class Impact:
    """What rests on an acceptance; `plan` is what giving it back would do.

    Endpoints that the caller's projects do not declare are counted, not named; those that control may not see are
    neither.
    """

    acceptance: Acceptance
    resting: Resting
    endpoints: list[Serving]
    other_endpoints: int
    deployments: list[str]
    scoring_runs: list[str]
    plan: Plan

    @property
    def in_use(self) -> bool:
        """Whether giving back would take away what endpoints serve from, or are about to."""
        return self.resting.made and bool(self.endpoints or self.other_endpoints or self.deployments)


def get(caller: Caller, acceptance_id: str) -> Impact:
    """Look at what rests on the acceptance, live and in the records; nothing does when it is not active."""
    return look(caller, records.get(caller, Acceptance, acceptance_id))


def look(caller: Caller, acceptance: Acceptance) -> Impact:
    """As `get`, of an acceptance that the caller may see: a call a workspace on its metastore."""
    if acceptance.state != "ACTIVE":
        nothing = Resting(made=False, sharers=[], heirs={}, unneeded={})
        return Impact(acceptance, nothing, [], 0, [], [], Plan([], []))
    serving = [
        one
        for workspace in [acceptance.workspace, *acceptance.outcome.get("also_seen_in", [])]
        if workspace in configuration.current().workspaces
        for one in _list_serving(workspace, acceptance.catalog)
    ]
    named = [one for one in serving if _is_declared(caller, one)]
    resting = resting_acceptances.look(acceptance)
    others = len(serving) - len(named)
    deployments, scoring_runs = (_list_under_way(table, acceptance) for table in (Deployment, ScoringRun))
    plan = _plan(acceptance, resting, named, others, deployments, scoring_runs)
    return Impact(acceptance, resting, named, others, deployments, scoring_runs, plan)


def _list_serving(workspace: str, catalog: str) -> list[Serving]:
    found = [
        Serving(workspace, one.name, [served for served in one.serves if _is_in(served[1], catalog)])
        for one in endpoints.list_endpoints(workspace)
    ]
    return [one for one in found if one.served]


def _is_declared(caller: Caller, serving: Serving) -> bool:
    name = Name("endpoint", serving.workspace, serving.name)
    return any(access.declares(project, name) for project in access.list_projects(caller))


def _list_under_way(table: type[Deployment] | type[ScoringRun], acceptance: Acceptance) -> list[str]:
    pending: list[Any] = store.list_all(table, project=acceptance.project, state="PENDING")
    return [one.id for one in pending if _is_in(one.model, acceptance.catalog)]


def _is_in(model: str, catalog: str) -> bool:
    return model.lower().startswith(f"{catalog.lower()}.")


def _plan(
    acceptance: Acceptance,
    resting: Resting,
    serving: list[Serving],
    others: int,
    deployments: list[str],
    scoring_runs: list[str],
) -> Plan:
    place, catalog = acceptance.workspace, acceptance.catalog
    served = [f"{one.workspace}/{one.name}" for one in serving] + ([f"{others} of other projects"] if others else [])
    checks = [
        Check("endpoints that serve from the catalog", ", ".join(served) or "none"),
        Check("deployments of its models under way", ", ".join(deployments) or "none"),
        Check("scoring runs under way", ", ".join(scoring_runs) or "none"),
    ]
    if resting.made:
        ended = [Change("change", place, "acceptance", one, "ends with it") for one in resting.sharers]
        return Plan(checks, [Change("remove", place, "catalog", catalog, "Causeway made it for the project"), *ended])
    revoked = [
        Change("change", place, "catalog", catalog, f"revokes {', '.join(privileges)} from {principal}")
        for principal, privileges in resting.unneeded.items()
    ]
    return Plan(checks, [Change("none", place, "catalog", catalog, "was there before and stays"), *revoked])
