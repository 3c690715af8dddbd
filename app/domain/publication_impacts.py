"""What would withdrawing a publication hit? Who accepted it, who serves it, and what else rests on the same copies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app import configuration
from app.domain import access
from app.domain.access import Caller, Name
from app.domain.plans import Change, Check, Plan
from app.errors import UpstreamProblem
from app.store import records as store
from app.store.acceptances import Acceptance
from app.store.deployments import Deployment
from app.store.publications import Publication
from app.workspaces import catalogs, endpoints, metastores, providers

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
class Showing:
    """A catalog that somebody made from the share beside Causeway, where Causeway may see it."""

    workspace: str
    catalog: str


@dataclass(frozen=True)
class Impact:
    """What rests on a publication's copy, or on all of the model's copies for its audience.

    Catalogs without an acceptance and endpoints that the caller's projects do not declare are counted, not named.
    `unseen` are the recipients that have no workspace here that answers: what they do with the copies is not known.
    """

    publication: Publication
    versions: list[int]
    publications: list[str]
    acceptances: list[Acceptance]
    catalogs: list[Showing]
    other_catalogs: int
    endpoints: list[Serving]
    other_endpoints: int
    deployments: list[str]
    unseen: list[str]
    in_use: bool
    plan: Plan


def look(caller: Caller, publication: Publication, *, whole: bool) -> Impact:
    """Look at what rests on the copy, or with `whole` on all of the model's: two calls for each workspace that sees it.

    Nothing rests on a publication that is not active, and nobody asks a workspace that has left the configuration.
    An endpoint takes one more, for its traffic, and a catalog without an acceptance one, for its provider. Raises what
    keeps a workspace that accepted from answering.
    """
    resting = [one for one in list_resting(publication, whole=whole) if publication.state == "ACTIVE"]
    versions = sorted({one.published_version or 0 for one in resting})
    acceptances = _list_acceptances(publication) if resting else []
    by_hand, unseen = _list_by_hand(publication, acceptances) if resting else ([], [])
    showing = {*(one.catalog for one in acceptances), *(one.catalog for one in by_hand)}
    shown = {f"{catalog}.{publication.outcome['shared_as']}".lower() for catalog in showing}
    wanted = {(model, str(version)) for model in shown for version in versions}
    wanted |= {(model, ANY) for model in shown if publication.is_whole_model}
    places = dict.fromkeys([*_list_places(acceptances), *(one.workspace for one in by_hand)])
    serving = [found for place in places for found in _list_serving(place, wanted)]
    named = [one for one in serving if _is_declared(caller, Name("endpoint", one.workspace, one.name))]
    told = [one for one in by_hand if _is_declared(caller, Name("catalog", one.workspace, one.catalog))]
    pending = store.list_all(Deployment, project=publication.project, state="PENDING")
    deployments = [one.id for one in pending if _is_wanted(one.model, str(one.version), wanted)]
    found: dict[str, Any] = {
        "publication": publication,
        "versions": versions,
        "publications": [one.id for one in resting if one.id != publication.id],
        "acceptances": acceptances,
        "catalogs": told,
        "other_catalogs": len(by_hand) - len(told),
        "endpoints": named,
        "other_endpoints": len(serving) - len(named),
        "deployments": deployments,
        "unseen": unseen,
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


def _list_by_hand(publication: Publication, acceptances: list[Acceptance]) -> tuple[list[Showing], list[str]]:
    """Catalogs of the share that no acceptance made, and the recipients of which nobody can tell.

    A workspace where nobody accepted keeps nobody from withdrawing: one that does not answer is not known.
    """
    identifier = metastores.get_sharing_identifier(publication.workspace)
    found, unseen = list[Showing](), []
    for recipient in publication.recipients:
        places = [one for one in recipient.get("workspaces", []) if one in configuration.current().workspaces]
        # All of a recipient's workspaces see the same catalogs, as far as they may.
        known = {one.catalog.lower() for one in acceptances if one.workspace in places}
        try:
            for place in places:
                for catalog in _list_made(place, identifier, publication.share):
                    if catalog.lower() not in known:
                        known.add(catalog.lower())
                        found.append(Showing(place, catalog))
        except UpstreamProblem:
            places = []
        unseen += [] if places else [recipient["sharing_identifier"]]
    return found, unseen


def _list_made(workspace: str, identifier: str, share: str) -> list[str]:
    made = [one for one in catalogs.iterate_catalogs(workspace) if (one.share or "").lower() == share.lower()]
    provider = providers.find_provider(workspace, identifier) if made else None
    return [one.name for one in made if provider is not None and one.is_made_from(provider.name, share)]


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


def _is_declared(caller: Caller, name: Name) -> bool:
    return any(access.declares(project, name) for project in access.list_projects(caller))


def _describe_catalogs(impact: Impact) -> list[str]:
    accepted = [f"{one.workspace}/{one.catalog}" for one in impact.acceptances]
    by_hand = [f"{one.workspace}/{one.catalog} (made by hand)" for one in impact.catalogs]
    return [*accepted, *by_hand, *([f"{impact.other_catalogs} more made by hand"] if impact.other_catalogs else [])]


def _plan(**found: Any) -> Plan:
    impact = Impact(**found, plan=Plan([], []))
    publication = impact.publication
    checks = [
        Check("endpoints that serve it", ", ".join(describe(impact)) or "none"),
        Check("catalogs that show it", ", ".join(_describe_catalogs(impact)) or "none"),
        Check("recipients whose use cannot be seen", ", ".join(impact.unseen) or "none"),
    ]
    place, model = publication.workspace, publication.published_model
    gone = [Change("remove", place, "model version", model, f"version {version}") for version in impact.versions]
    if publication.is_whole_model and gone:
        gone = [Change("remove", place, "share", publication.share, f"{model}, which itself stays as it is")]
    ended = [Change("change", publication.workspace, "publication", one, "ends with it") for one in impact.publications]
    return Plan(checks, [*gone, *ended])
