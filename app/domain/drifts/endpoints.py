"""Drift of endpoints: deleted, somebody else's, serving what nobody deployed, mislabelled, or made by a person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

from app.domain import access, deployments, endpoint_updates, model_versions
from app.domain.access import Caller, Name
from app.domain.drifts.kinds import HIGH, LOW, MEDIUM, Finding, PlainChanges, Remedy, drift, ended_by
from app.domain.drifts.looks import Look
from app.domain.drifts.shares import is_person
from app.domain.endpoint_updates import Deploying
from app.domain.operations import Key, Operation
from app.domain.workflows import Work
from app.errors import WorkspaceRefused
from app.store import records as store
from app.store.deployments import Deployment
from app.store.drifts import Drift
from app.workspaces import endpoints
from app.workspaces.endpoints import Endpoint, ListedEndpoint, ServedEntity

RETIRED, SUPERSEDED = "RETIRED", "SUPERSEDED"


def _deploy_again(caller: Caller, key: Key, drift: Drift) -> Operation:
    one = store.get(Deployment, str(drift.record_id))
    return deployments.begin(caller, key, Deploying(**one.request), None)


def _lock(drift: Drift) -> str:
    return endpoint_updates.lock(drift.workspace, drift.object_name)


def _end_deployment(drift: Drift, _work: Work) -> PlainChanges:
    return [(Deployment.kind, str(drift.record_id), {"state": RETIRED}, ended_by(drift))]


def _record_revision(drift: Drift, work: Work) -> PlainChanges:
    """What was found becomes a deployment of its own, which takes the place of the one before; its label says so."""
    deploying = Deploying(**drift.target["deploying"])
    deployment_id = work.id.replace("op_", "dep_", 1)
    endpoint_updates.label(deploying, deployment_id)
    revision = {
        "project": deploying.project,
        "operation_id": work.id,
        "created_by": work.principal,
        "workspace": deploying.workspace,
        "endpoint": deploying.endpoint,
        "model": deploying.model,
        "version": deploying.version,
        "served_entity": drift.target["served"],
        "request": asdict(deploying),
        "state": "ACTIVE",
        "outcome": {"digest": deploying.digest, "replaced": drift.target["replaced"], "accepted_drift": drift.id},
    }
    before = (Deployment.kind, str(drift.record_id), {"state": SUPERSEDED}, ended_by(drift))
    return [(Deployment.kind, deployment_id, revision, None), before]


def _label_again(drift: Drift, _work: Work) -> None:
    one = store.get(Deployment, str(drift.record_id))
    endpoint_updates.label(Deploying(**one.request), one.id)


@drift(
    "endpoint-gone",
    HIGH,
    "endpoint",
    put_back=Remedy("Deploy the same version to an endpoint of this name again.", "deploy", begin=_deploy_again),
    accept=Remedy(
        "Take it for retired: the deployment ends as RETIRED, with this as its cause.",
        "deploy",
        _end_deployment,
        lock=_lock,
    ),
)
def find_gone(look: Look) -> Iterator[Finding]:
    """The endpoint of a deployment was deleted: its callers get no answers."""
    for one in look.promises.deployments:
        if _find_listed(look, one) is None and not _is_hidden(look, one) and _find_endpoint(look, one) is None:
            yield _finding(one, "There is no endpoint of this name.")


@drift(
    "endpoint-foreign",
    HIGH,
    "endpoint",
    accept=Remedy(
        "Take ours for retired: the deployment ends as RETIRED; the endpoint stays as it is.",
        "deploy",
        _end_deployment,
        lock=_lock,
    ),
)
def find_foreign(look: Look) -> Iterator[Finding]:
    """Somebody else made an endpoint under the name of ours: who answers its callers is not known."""
    for one in look.promises.deployments:
        listed = _find_listed(look, one)
        if listed is not None and listed.creator not in {None, look.control}:
            yield replace(
                _finding(one, f"{listed.creator} made the endpoint that has this name now."),
                advice="Have it deleted and deploy again, or accept that the deployment is over.",
            )
        elif listed is None and _is_hidden(look, one):
            yield replace(
                _finding(one, "An endpoint of this name is hidden from Causeway, so somebody else made it."),
                advice="Have it deleted and deploy again, or accept that the deployment is over.",
            )


@drift(
    "endpoint-changed",
    HIGH,
    "endpoint",
    put_back=Remedy(
        "Deploy the recorded version again: it answers its input example before the traffic moves back to it.",
        "deploy",
        begin=_deploy_again,
    ),
    accept=Remedy(
        "Record what is served now as a deployment that takes the place of the one before.",
        "deploy",
        _record_revision,
        lock=_lock,
    ),
)
def find_changed(look: Look) -> Iterator[Finding]:
    """The endpoint serves something else than was deployed, or in another size, or with other shares of traffic."""
    for one in look.promises.deployments:
        found = _find_endpoint(look, one) if _is_ours(look, one) else None
        wanted = Deploying(**one.request).entity(one.served_entity, 100)
        served = [state.entity for state in found.active] if found else []
        if found is None or found.update == endpoint_updates.UPDATING or served == [wanted]:
            continue
        revision = _find_revision(one, served)
        yield replace(
            _finding(one, f"It serves {'; '.join(map(_describe, served)) or 'nothing'}."),
            remedies=None if revision else frozenset({"put-back"}),
            target={**(revision or {}), "replaced": [asdict(wanted)]},
        )


@drift(
    "endpoint-label-changed",
    LOW,
    "endpoint",
    put_back=Remedy("Write on the endpoint again which deployment it serves.", "deploy", _label_again, lock=_lock),
)
def find_mislabelled(look: Look) -> Iterator[Finding]:
    """The endpoint's tags do not name its deployment: the next deployment would take it for somebody else's."""
    for one in look.promises.deployments:
        listed = _find_listed(look, one)
        wanted = Deploying(**one.request).tags(one.id)
        if listed is None or not _is_ours(look, one):
            continue
        wrong = {key: listed.tags.get(key) for key, value in wanted.items() if listed.tags.get(key) != value}
        if wrong:
            told = ", ".join(f"{key} is {value or 'missing'}" for key, value in sorted(wrong.items()))
            yield replace(_finding(one, f"Of its tags, {told}."), wanted=f"Its tags name {one.id}.")


@drift("endpoint-creator-person", MEDIUM, "endpoint")
def find_made_by_person(look: Look) -> Iterator[Finding]:
    """The creator's rights count for ever and cannot be handed on: a person who leaves ends every later update."""
    for one in look.promises.deployments:
        listed = _find_listed(look, one)
        if listed is not None and is_person(listed.creator):
            yield replace(
                _finding(one, f"{listed.creator} made it: it stops when {listed.creator} loses EXECUTE on its model."),
                wanted="An endpoint that a service principal made.",
                detail=str(listed.creator),
                advice="Let Causeway sign in as a service principal, delete the endpoint and deploy again.",
            )


def _finding(one: Deployment, found: str) -> Finding:
    return Finding(
        object_name=one.endpoint,
        wanted=f"It serves {_describe(Deploying(**one.request).entity(one.served_entity, 100))}.",
        found=found,
        record=("deployment", one.id),
        marks=frozenset({one.id, f"endpoint {one.endpoint}"}),
    )


def _describe(entity: ServedEntity) -> str:
    sleep = "sleeps when unused" if entity.scale_to_zero else "always on"
    size = f"{entity.workload_size} {entity.workload_type}, {sleep}"
    return f"{entity.name} ({entity.model} version {entity.version}, {size}) with {entity.traffic} % of the traffic"


def _find_revision(one: Deployment, served: list[ServedEntity]) -> dict[str, Any] | None:
    """What is served as something that could have been asked for: one version of a model of the project, or None."""
    if len(served) != 1 or not served[0].version.isdigit():
        return None
    entity, project, place = served[0], one.project, one.workspace
    if not access.declares(project, Name("model", place, entity.model)):
        return None
    version = int(entity.version)
    deploying = Deploying(
        project=project,
        workspace=place,
        endpoint=one.endpoint,
        model=entity.model,
        version=version,
        workload_size=str(entity.workload_size),
        scale_to_zero=entity.scale_to_zero,
        digest=model_versions.find_digest(project, place, entity.model, version),
    )
    if deploying.entity(entity.name, 100) != entity:
        return None
    return {"served": entity.name, "deploying": asdict(deploying)}


def _find_listed(look: Look, one: Deployment) -> ListedEndpoint | None:
    listed = look.ask(endpoints.list_endpoints, look.workspace)
    return next((found for found in listed if found.name == one.endpoint), None)


def _is_ours(look: Look, one: Deployment) -> bool:
    listed = _find_listed(look, one)
    return listed is not None and listed.creator in {None, look.control}


def _find_endpoint(look: Look, one: Deployment) -> Endpoint | None:
    """The endpoint with sizes and traffic, which the list leaves out; raises `WorkspaceRefused` for a hidden one."""
    return look.ask(endpoints.find_endpoint, look.workspace, one.endpoint)


def _is_hidden(look: Look, one: Deployment) -> bool:
    try:
        _find_endpoint(look, one)
    except WorkspaceRefused:
        return True
    return False
