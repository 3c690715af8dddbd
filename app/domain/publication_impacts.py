"""What would withdrawing a publication hit? Who accepted it, who serves it, and what else rests on the same copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app import configuration
from app.domain import access
from app.domain.access import Caller, Name
from app.domain.plans import Change, Check, Plan
from app.store import records as store
from app.store.acceptances import Acceptance
from app.store.deployments import Deployment
from app.store.publications import Publication
from app.workspaces import endpoints

# Of a model that is shared whole, whatever version is served.
ANY = "*"


@dataclass(frozen=True)
class Serving:
    """An endpoint that serves a copy: `model` as its workspace names it, `traffic` in percent."""

    workspace: str
    name: str
    served_entity: str
    model: str
    version: str
    traffic: int


@dataclass(frozen=True)
class Impact:
    """What rests on a publication's copy, or on all of the model's copies for its audience.

    Endpoints that the caller's projects do not declare are counted, not named. `unseen` are the recipients that have
    no workspace here: what they do with the copies is not to be known.
    """

    publication: Publication
    versions: list[int]
    publications: list[str]
    acceptances: list[Acceptance]
    endpoints: list[Serving]
    other_endpoints: int
    deployments: list[str]
    unseen: list[str]
    in_use: bool
    plan: Plan


def look(caller: Caller, publication: Publication, *, whole: bool) -> Impact:
    """Look at what rests on the copy, or with `whole` on all of the model's: a call for each workspace that accepted.

    Nothing rests on a publication that is not active, and nobody asks a workspace that has left the configuration.
    An endpoint takes one more, for its traffic. Raises what keeps one of these workspaces from answering.
    """
    resting = [one for one in list_resting(publication, whole=whole) if publication.state == "ACTIVE"]
    versions = sorted({one.published_version or 0 for one in resting})
    acceptances = _list_acceptances(publication) if resting else []
    shown = {f"{one.catalog}.{publication.outcome['shared_as']}".lower() for one in acceptances}
    wanted = {(model, str(version)) for model in shown for version in versions}
    wanted |= {(model, ANY) for model in shown if publication.is_whole_model}
    serving = [found for place in _list_places(acceptances) for found in _list_serving(place, wanted)]
    named = [one for one in serving if _is_declared(caller, one)]
    pending = store.list_all(Deployment, project=publication.project, state="PENDING")
    deployments = [one.id for one in pending if _is_wanted(one.model, str(one.version), wanted)]
    unseen = [
        one["sharing_identifier"] for one in publication.outcome.get("recipients", []) if one["workspace"] is None
    ]
    found: dict[str, Any] = {
        "publication": publication,
        "versions": versions,
        "publications": [one.id for one in resting if one.id != publication.id],
        "acceptances": acceptances,
        "endpoints": named,
        "other_endpoints": len(serving) - len(named),
        "deployments": deployments,
        "unseen": unseen if resting else [],
        "in_use": bool(deployments) or any(one.traffic for one in serving),
    }
    return Impact(**found, plan=_plan(**found))


def list_resting(publication: Publication, *, whole: bool) -> list[Publication]:
    """The active publications that end with this one: of the same copy, or with `whole` of all of the model's.

    Of a model that is shared whole, all versions go together.
    """
    place = {"workspace": publication.workspace, "published_model": publication.published_model}
    version = {} if whole or publication.is_whole_model else {"published_version": publication.published_version}
    return store.list_all(Publication, audience=publication.audience, state="ACTIVE", **place, **version)


def describe(impact: Impact) -> list[str]:
    """What is hit, for people: endpoints by name, and how many of other projects."""
    served = [f"{one.workspace}/{one.name} ({one.traffic} % of its traffic)" for one in impact.endpoints]
    others = [f"{impact.other_endpoints} of other projects"] if impact.other_endpoints else []
    return [*served, *others, *impact.deployments]


def _list_acceptances(publication: Publication) -> list[Acceptance]:
    place = {"provider_workspace": publication.workspace, "audience": publication.audience}
    return store.list_all(Acceptance, project=publication.project, state="ACTIVE", **place)


def _list_places(acceptances: list[Acceptance]) -> list[str]:
    seen = [place for one in acceptances for place in [one.workspace, *one.outcome.get("also_seen_in", [])]]
    return [place for place in dict.fromkeys(seen) if place in configuration.current().workspaces]


def _list_serving(workspace: str, wanted: set[tuple[str, str]]) -> list[Serving]:
    """The list knows no traffic, which is asked of those alone that serve a copy."""
    serving = []
    for listed in endpoints.list_endpoints(workspace):
        if not any(_is_wanted(model, version, wanted) for _, model, version in listed.serves):
            continue
        found = endpoints.find_endpoint(workspace, listed.name)
        for entity in [one.entity for one in found.active] if found else []:
            if _is_wanted(entity.model, entity.version, wanted):
                name, model = listed.name, entity.model
                serving.append(Serving(workspace, name, entity.name, model, entity.version, entity.traffic))
    return serving


def _is_wanted(model: str, version: str, wanted: set[tuple[str, str]]) -> bool:
    return bool({(model.lower(), version), (model.lower(), ANY)} & wanted)


def _is_declared(caller: Caller, serving: Serving) -> bool:
    name = Name("endpoint", serving.workspace, serving.name)
    return any(access.declares(project, name) for project in access.list_projects(caller))


def _plan(**found: Any) -> Plan:
    impact = Impact(**found, plan=Plan([], []))
    publication = impact.publication
    checks = [
        Check("endpoints that serve it", ", ".join(describe(impact)) or "none"),
        Check("catalogs that show it", ", ".join(f"{one.workspace}/{one.catalog}" for one in impact.acceptances)),
        Check("recipients whose use cannot be seen", ", ".join(impact.unseen) or "none"),
    ]
    place, model = publication.workspace, publication.published_model
    gone = [Change("remove", place, "model version", model, f"version {version}") for version in impact.versions]
    if publication.is_whole_model and gone:
        gone = [Change("remove", place, "share", publication.share, f"{model}, which itself stays as it is")]
    ended = [Change("change", publication.workspace, "publication", one, "ends with it") for one in impact.publications]
    return Plan(checks, [*gone, *ended])
