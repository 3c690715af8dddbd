"""The answer of every `:plan`: what a request would do, with nothing stored."""

from __future__ import annotations

from dataclasses import asdict
from typing import TypeVar

from app.domain import plans
from app.http.conventions.bodies import Response


class PlanCheck(Response):
    """Something that was looked at and found in order."""

    name: str
    found: str


class PlanChange(Response):
    """Something that would come to be or change."""

    action: str
    """`create`, `change`, `remove`, `run` or `none`; others may come."""
    workspace: str
    kind: str
    name: str
    detail: str


class PlanBody(Response):
    """What the same request would do as a POST without `:plan`."""

    checks: list[PlanCheck]
    changes: list[PlanChange]
    readers: list[str]
    """The recipients that would see what is published; empty elsewhere."""
    subject_digest: str | None
    """Stands for exactly what has to be approved by others first; null where nothing has to be."""
    digest: str
    """Stands for exactly this plan: send it as `plan_digest` to be refused when the world has moved since."""


AnyPlan = TypeVar("AnyPlan", bound=PlanBody)


def render(plan: plans.Plan, body: type[AnyPlan] = PlanBody) -> AnyPlan:  # type: ignore[assignment]
    """The plan as callers see it; `body` tells what else a plan of its kind says."""
    return body.model_validate({**asdict(plan), "digest": plan.digest})
