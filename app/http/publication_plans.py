"""What publishing would do, who would see it, and all that would travel along."""

from __future__ import annotations

from fastapi import APIRouter

from app.domain import publication_plans
from app.domain.access import Caller
from app.domain.publication_plans import PublicationPlan as Plan
from app.domain.publication_requests import PLAN
from app.http.conventions import plan
from app.http.conventions.bodies import Response, Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.live import look
from app.http.conventions.plan import PlanBody
from app.http.conventions.problems import problems
from app.http.publications import OWN, PublicationRecipient, PublicationRequest, make_publishing

router = APIRouter(prefix="/v1", tags=["publication_plans"])


class TravellingFile(Response):
    """One file of the version."""

    path: str
    size: int
    """In bytes."""
    modified_at: Time | None
    """When it was last changed; null where the platform does not say."""


class TravellingExample(Response):
    """The version's input example: often rows of real data."""

    paths: list[str]
    columns: list[str]
    synthetic: bool
    """Whether a version tag `causeway_input_example` says `synthetic`: then it may go to external audiences, too."""


class TravellingDependency(Response):
    """Something that the version needs beside its files."""

    kind: str
    """`table` or `function`; others may come."""
    name: str


class Travels(Response):
    """All that the audience would see of the version."""

    digest: str | None
    """SHA-256 over the manifest of all files, as the training run that made the version states it: the copy is held to
    it. Null for a version that was not trained here: the copy is held to path, size and time of each file.
    """
    files: list[TravellingFile]
    input_example: TravellingExample | None
    tags: dict[str, str]
    """The source's own, which the copy would carry. Causeway's, beside them, say what it is a copy of."""
    comment: str
    requirements: list[str]
    dependencies: list[TravellingDependency]


class PublicationPlan(PlanBody):
    """What publishing would do, and who would see what."""

    recipients: list[PublicationRecipient]
    """By metastore; one without a name has yet to be made."""
    travels: Travels


@router.post("/publications:plan", responses=problems(*OWN))
async def plan_publication(body: PublicationRequest, caller: CurrentCaller) -> PublicationPlan:
    """What publishing would do, who would see it and what would travel along; nothing is stored."""
    made = await look(body.workspace, "looking at what to publish", _plan, caller, body)
    return plan.render(made, PublicationPlan)


def _plan(caller: Caller, body: PublicationRequest) -> Plan:
    return publication_plans.look(caller, PLAN, make_publishing(caller, body, PLAN))[0]
