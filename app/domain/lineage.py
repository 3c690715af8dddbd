"""Where does a version come from, and where has it gone? A graph across workspaces, from Causeway's own records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from app.domain import models
from app.domain.access import READ, Caller, Name, check_live, list_projects
from app.store import records as store
from app.store.acceptances import Acceptance
from app.store.deployments import Deployment
from app.store.publications import Publication
from app.store.scoring_runs import ScoringRun
from app.store.training_runs import TrainingRun

NEVER_WAS = {"PENDING", "FAILED", "CANCELLED"}
Key = tuple[str, str, int]
"""A model version: workspace, full name in lower case, number."""


@dataclass(frozen=True)
class Node:
    """A thing in the lineage; the same thing has the same id in every answer."""

    id: str
    kind: str
    workspace: str
    name: str
    record_id: str | None
    details: dict[str, Any]


@dataclass(frozen=True)
class Edge:
    """How one thing came out of another; from the data towards the predictions."""

    from_id: str
    to_id: str
    kind: str


@dataclass
class Graph:
    """What was found; adding a thing twice changes nothing."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str, str], Edge] = field(default_factory=dict)

    def add(self, kind: str, workspace: str, name: str, record_id: str | None = None, **details: Any) -> str:
        """Add a node; of two with the same name the one that knows its record stays."""
        node = Node(f"{kind}:{workspace}:{name}", kind, workspace, name, record_id, details)
        known = self.nodes.get(node.id)
        if known is None or known.record_id is None:
            self.nodes[node.id] = node
        return node.id

    def chain(self, *steps: str) -> None:
        """Add edges along `id, kind, id, kind, id`."""
        for at in range(0, len(steps) - 2, 2):
            edge = Edge(steps[at], steps[at + 2], steps[at + 1])
            self.edges[edge.from_id, edge.to_id, edge.kind] = edge


@dataclass(frozen=True)
class Copied:
    """A publication, and an acceptance by which consumers see its copy (None: nobody has accepted it)."""

    publication: Publication
    acceptance: Acceptance | None

    @property
    def source(self) -> Key:
        """The version that was published."""
        return _key(self.publication.workspace, self.publication.model, self.publication.version)

    @property
    def copy(self) -> Key:
        """The vetted copy."""
        found = self.publication
        return _key(found.workspace, found.published_model, found.published_version or 0)

    @property
    def seen(self) -> Key | None:
        """The copy as the consumer names it."""
        if self.acceptance is None:
            return None
        name = f"{self.acceptance.catalog}.{self.publication.outcome['shared_as']}"
        return _key(self.acceptance.workspace, name, self.publication.published_version or 0)


def of_version(caller: Caller, workspace: str, model: str, version: int) -> Graph:
    """All that a version came from, and all that came of it."""
    models.check_visible(caller, Name("model", workspace, model))
    return _trace(caller, {_key(workspace, model, version)}, downwards=True)


def of_endpoint(caller: Caller, workspace: str, endpoint: str) -> Graph:
    """All that the endpoint's present deployment came from."""
    check_live(caller, READ, Name("endpoint", workspace, endpoint))
    active = [one for one in _list(caller, Deployment) if (one.workspace, one.endpoint) == (workspace, endpoint)]
    served = {_key(one.workspace, one.model, one.version) for one in active if one.state == "ACTIVE"}
    graph = _trace(caller, served, downwards=False)
    graph.add("endpoint", workspace, endpoint)
    _add_endpoints(graph, active)
    return graph


def _trace(caller: Caller, start: set[Key], *, downwards: bool) -> Graph:
    copied = list(_list_copied(caller))
    down = [(one.source, one.copy) for one in copied] + [(one.copy, one.seen) for one in copied if one.seen]
    keys = _close(start, [(end, begin) for begin, end in down])
    if downwards:
        keys |= _close(start, down)
    graph = Graph()
    for key in sorted(keys - {one.copy for one in copied}):
        _add_version(graph, key)
    _add_training(graph, keys, _list(caller, TrainingRun))
    for one in copied:
        if one.copy in keys:
            _add_copy(graph, one, keys)
    if downwards:
        _add_endpoints(graph, (one for one in _list(caller, Deployment) if _key_of(one) in keys))
        _add_scorings(graph, (one for one in _list(caller, ScoringRun) if _key_of(one) in keys))
    return graph


def _close(start: set[Key], leads: list[tuple[Key, Key]]) -> set[Key]:
    """The start and all that the leads reach from it."""
    found, size = set(start), -1
    while len(found) != size:
        size = len(found)
        found |= {end for begin, end in leads if begin in found}
    return found


def _list(caller: Caller, table: Any) -> list[Any]:
    return [one for project in list_projects(caller) for one in store.list_all(table, project=project)]


def _list_copied(caller: Caller) -> Iterator[Copied]:
    accepted = [one for one in _list(caller, Acceptance) if one.state not in NEVER_WAS]
    for publication in _list(caller, Publication):
        if publication.state in NEVER_WAS:
            continue
        seen = [one for one in accepted if _has_shown(one, publication)]
        yield from [Copied(publication, one) for one in seen] or [Copied(publication, None)]


def _has_shown(acceptance: Acceptance, publication: Publication) -> bool:
    same = (acceptance.project, acceptance.provider_workspace, acceptance.audience) == (
        publication.project,
        publication.workspace,
        publication.audience,
    )
    came_before_its_end = publication.state == "ACTIVE" or acceptance.created_at <= publication.updated_at
    lasted = acceptance.state == "ACTIVE" or publication.created_at <= acceptance.updated_at
    return same and came_before_its_end and lasted


def _add_training(graph: Graph, keys: set[Key], runs: Iterable[TrainingRun]) -> None:
    for run in runs:
        if run.version is None or _key(run.workspace, run.model, run.version) not in keys:
            continue
        data = {"sha256": run.outcome["data"]["sha256"], "rows": run.outcome["data"]["rows"]}
        found = {"run_id": run.outcome["run_id"], "metrics": run.outcome["metrics"]}
        graph.chain(
            graph.add("data", run.workspace, run.outcome["data"]["path"], **data),
            "read_by",
            graph.add("training_run", run.workspace, run.id, run.id, target=run.request["target"], **found),
            "registered",
            _add_version(graph, _key(run.workspace, run.model, run.version)),
        )


def _add_copy(graph: Graph, one: Copied, keys: set[Key]) -> None:
    publication, acceptance = one.publication, one.acceptance
    proof = {"digest": publication.digest, "state": publication.state}
    steps = [
        _add_version(graph, one.source),
        "copied_to",
        graph.add("copy", publication.workspace, _name(one.copy), publication.id, **proof),
        "shared_in",
        graph.add("share", publication.workspace, publication.share, audience=publication.audience),
    ]
    if acceptance is not None and one.seen in keys:
        catalog = graph.add("catalog", acceptance.workspace, acceptance.catalog, acceptance.id, state=acceptance.state)
        seen = graph.add("model_version", acceptance.workspace, _name(one.seen), publication.id, **proof)
        steps += ["accepted_as", catalog, "shows", seen]
    graph.chain(*steps)


def _add_endpoints(graph: Graph, deployments: Iterable[Deployment]) -> None:
    for one in deployments:
        if one.state == "ACTIVE":
            served = {"served_entity": one.served_entity, "model": one.model, "version": one.version}
            endpoint = graph.add("endpoint", one.workspace, one.endpoint, one.id, **served)
            graph.chain(_add_version(graph, _key_of(one)), "served_by", endpoint)


def _add_scorings(graph: Graph, runs: Iterable[ScoringRun]) -> None:
    for one in runs:
        if one.state == "SUCCEEDED":
            run = graph.add("scoring_run", one.workspace, one.id, one.id, rows=one.outcome.get("rows"))
            graph.chain(_add_version(graph, _key_of(one)), "scored_by", run)


def _add_version(graph: Graph, key: Key) -> str:
    return graph.add("model_version", key[0], _name(key))


def _key(workspace: str, model: str, version: int) -> Key:
    return (workspace, model.lower(), version)


def _key_of(record: Deployment | ScoringRun) -> Key:
    return _key(record.workspace, record.model, record.version)


def _name(key: Key) -> str:
    return f"{key[1]}/{key[2]}"
