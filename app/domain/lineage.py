"""Where does a thing come from, and what has come of it? A graph across workspaces, from Causeway's own records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from app.domain import data_files, models, records
from app.domain.access import READ, Caller, Name, check_live, get_workspace, list_projects
from app.domain.lineage_graphs import Graph
from app.store import lineage as store
from app.store.lineage import Accepted, Published, Scored, Serving, Trained
from app.store.publications import Publication

UPSTREAM, DOWNSTREAM, BOTH = "upstream", "downstream", "both"
# An audience sees it, or saw it.
WAS_PUBLISHED, WAS_ACCEPTED = ("ACTIVE", "WITHDRAWN"), ("ACTIVE", "GIVEN_BACK")
# Of a version that is scored every hour, the latest runs will do.
MOST_RUNS = 500
Key = tuple[str, str, int]
"""A model version: workspace, full name in lower case, number."""
Leads = Mapping[Key, set[Key]]


@dataclass(frozen=True)
class Start:
    """Whose lineage it is: of a version, an endpoint, a catalog, a file, a publication's copy, all of a digest."""

    workspace: str = ""
    model: str | None = None
    version: int | None = None
    endpoint: str | None = None
    catalog: str | None = None
    data: str | None = None
    publication: str | None = None
    digest: str | None = None


@dataclass(frozen=True)
class Copied:
    """A publication, and an acceptance by which consumers see its copy (None: nobody has accepted it)."""

    publication: Published
    acceptance: Accepted | None

    @cached_property
    def source(self) -> Key:
        """The version that was published."""
        return _key(self.publication.workspace, self.publication.model, self.publication.version)

    @cached_property
    def copy(self) -> Key:
        """The vetted copy."""
        found = self.publication
        return _key(found.workspace, found.published_model, found.published_version or 0)

    @cached_property
    def seen(self) -> Key | None:
        """The copy as the consumer names it."""
        if self.acceptance is None:
            return None
        name = f"{self.acceptance.catalog}.{self.publication.shared_as}"
        return _key(self.acceptance.workspace, name, self.publication.published_version or 0)


def trace(caller: Caller, start: Start, direction: str = BOTH) -> Graph:
    """All that the start came from (`upstream`), all that came of it (`downstream`), or both.

    Raises `NotInProject`, `WorkspaceNotFound` or `RecordNotFound` for what is not the caller's to see. A handful of
    statements read it, however long the way is.
    """
    walk = _Walk(caller, direction)
    place = start.workspace
    if start.publication is not None:
        walk.from_publication(start.publication)
    elif start.digest is not None:
        walk.from_digest(start.digest)
    elif start.endpoint is not None:
        walk.from_endpoint(place, start.endpoint)
    elif start.catalog is not None:
        walk.from_catalog(place, start.catalog)
    elif start.data is not None:
        walk.from_data(place, start.data)
    else:
        models.check_visible(caller, Name("model", place, start.model or ""))
        walk.follow({_key(place, start.model or "", start.version or 0)})
    return walk.graph


class _Walk:
    """One tracing: what the caller's projects have copied, which ways to go, and the graph so far."""

    def __init__(self, caller: Caller, direction: str) -> None:
        self.caller, self.projects = caller, list_projects(caller)
        self.up, self.down = direction != DOWNSTREAM, direction != UPSTREAM
        self.copied = list(_list_copied(self.projects))
        self.graph = Graph()

    def from_publication(self, publication_id: str) -> None:
        """The copy that the publication made; before there is one, nothing."""
        records.get(self.caller, Publication, publication_id)
        self.follow({one.copy for one in self.copied if one.publication.id == publication_id})

    def from_digest(self, digest: str) -> None:
        """Every version of these bytes that a publication vouches for."""
        found = [one for one in self.copied if one.publication.digest == digest]
        self.follow({key for one in found for key in (one.source, one.copy, one.seen) if key is not None})

    def from_endpoint(self, workspace: str, endpoint: str) -> None:
        """What the endpoint serves now; nothing comes of an endpoint but predictions."""
        check_live(self.caller, READ, Name("endpoint", workspace, endpoint))
        served = store.list_serving(self.projects, workspace=workspace, endpoint=endpoint)
        self.graph.add("endpoint", workspace, endpoint)
        if self.up:
            self.down = False
            self.follow({_key_of(one) for one in served})
            _add_endpoints(self.graph, served)

    def from_catalog(self, workspace: str, catalog: str) -> None:
        """All that an acceptance shows in the catalog, or showed."""
        check_live(self.caller, READ, Name("catalog", workspace, catalog))
        place = (workspace, catalog.lower())
        at = [one for one in self.copied if (got := one.acceptance) and (got.workspace, got.catalog.lower()) == place]
        self.follow({one.seen for one in at if one.seen is not None})
        for one in at:
            _add_seen(self.graph, one)
        if not at:
            self.graph.add("catalog", workspace, catalog)

    def from_data(self, workspace: str, path: str) -> None:
        """What was trained on the file."""
        get_workspace(self.caller, workspace)
        volume = data_files.get_volume_name(", ".join(self.projects), workspace, path)
        check_live(self.caller, READ, Name("data", workspace, volume))
        self.graph.add("data", workspace, path)
        if self.down:
            self.up = False
            runs = store.list_trained_on(self.projects, workspace, path)
            self.follow({_key_of(run) for run in runs})
            _add_training(self.graph, runs)

    def follow(self, start: set[Key]) -> None:
        """Add all that the versions came from, and all that came of them, as far as the direction goes."""
        down: dict[Key, set[Key]] = defaultdict(set)
        up: dict[Key, set[Key]] = defaultdict(set)
        for one in self.copied:
            for begin, end in ((one.source, one.copy), (one.copy, one.seen)):
                if end is not None:
                    down[begin].add(end)
                    up[end].add(begin)
        above = _close(start, up) if self.up else start
        below = _close(start, down) if self.down else start
        for key in sorted((above | below) - {one.copy for one in self.copied}):
            _add_version(self.graph, key)
        for one in self.copied:
            _add_copy(self.graph, one, above | below, goes_on=self.down and one.copy in below)
        if self.up:
            _add_training(self.graph, _of(above, store.list_trained(self.projects, _names(above))))
        if self.down:
            _add_endpoints(self.graph, _of(below, store.list_serving(self.projects, _names(below))))
            runs = store.list_scored(self.projects, _names(below), MOST_RUNS + 1)
            self.graph.complete = len(runs) <= MOST_RUNS
            _add_scorings(self.graph, _of(below, runs[-MOST_RUNS:]))


def _close(start: set[Key], leads: Leads) -> set[Key]:
    """The start and all that the leads reach from it."""
    found, ahead = set(start), list(start)
    while ahead:
        reached = leads.get(ahead.pop(), set()) - found
        found |= reached
        ahead += reached
    return found


def _list_copied(projects: list[str]) -> Iterator[Copied]:
    accepted: dict[tuple[Any, ...], list[Accepted]] = defaultdict(list)
    for acceptance in store.list_accepted(projects, WAS_ACCEPTED):
        accepted[acceptance.project, acceptance.provider_workspace, acceptance.audience].append(acceptance)
    for publication in store.list_published(projects, WAS_PUBLISHED):
        those = accepted[publication.project, publication.workspace, publication.audience]
        seen = [one for one in those if _has_shown(one, publication)]
        yield from [Copied(publication, one) for one in seen] or [Copied(publication, None)]


def _has_shown(acceptance: Accepted, publication: Published) -> bool:
    came_before_its_end = publication.state == "ACTIVE" or acceptance.created_at <= publication.updated_at
    lasted = acceptance.state == "ACTIVE" or publication.created_at <= acceptance.updated_at
    return came_before_its_end and lasted


def _add_training(graph: Graph, runs: Iterable[Trained]) -> None:
    for run in runs:
        data = {"sha256": run.data["sha256"], "rows": run.data["rows"]}
        found = {"target": run.target, "run_id": run.run_id, "metrics": run.metrics}
        graph.chain(
            graph.add("data", run.workspace, run.data["path"], **data),
            "read_by",
            graph.add("training_run", run.workspace, run.id, run.id, **found),
            "registered",
            _add_version(graph, _key_of(run)),
        )


def _add_copy(graph: Graph, one: Copied, keys: set[Key], *, goes_on: bool) -> None:
    """The copy with its source, its share, and what is seen of it, as far as they are wanted."""
    if one.copy not in keys:
        return
    publication = one.publication
    proof = {"digest": publication.digest, "state": publication.state}
    copy = graph.add("copy", publication.workspace, _name(one.copy), publication.id, **proof)
    if one.source in keys:
        graph.chain(_add_version(graph, one.source), "copied_to", copy)
    if goes_on or one.seen in keys:
        share = graph.add("share", publication.workspace, publication.share, audience=publication.audience)
        graph.chain(copy, "shared_in", share)
        if one.seen in keys:
            graph.chain(share, "accepted_as", _add_seen(graph, one))


def _add_seen(graph: Graph, one: Copied) -> str:
    """The version as its consumer sees it, below its catalog, whose id is the answer."""
    assert one.acceptance is not None
    assert one.seen is not None
    acceptance, publication = one.acceptance, one.publication
    proof = {"digest": publication.digest, "state": publication.state}
    catalog = graph.add("catalog", acceptance.workspace, acceptance.catalog, acceptance.id, state=acceptance.state)
    graph.chain(catalog, "shows", graph.add("model_version", one.seen[0], _name(one.seen), publication.id, **proof))
    return catalog


def _add_endpoints(graph: Graph, deployments: Iterable[Serving]) -> None:
    for one in deployments:
        served = {"served_entity": one.served_entity, "model": one.model, "version": one.version}
        endpoint = graph.add("endpoint", one.workspace, one.endpoint, one.id, **served)
        graph.chain(_add_version(graph, _key_of(one)), "served_by", endpoint)


def _add_scorings(graph: Graph, runs: Iterable[Scored]) -> None:
    for one in runs:
        run = graph.add("scoring_run", one.workspace, one.id, one.id, rows=one.rows)
        graph.chain(_add_version(graph, _key_of(one)), "scored_by", run)


def _add_version(graph: Graph, key: Key) -> str:
    return graph.add("model_version", key[0], _name(key))


def _of(keys: set[Key], found: Iterable[Any]) -> list[Any]:
    """Those of these versions: the names alone are asked of the database."""
    return [one for one in found if _key_of(one) in keys]


def _names(keys: set[Key]) -> set[str]:
    return {model for _, model, _ in keys}


def _key(workspace: str, model: str, version: int) -> Key:
    return (workspace, model.lower(), version)


def _key_of(found: Trained | Serving | Scored) -> Key:
    return _key(found.workspace, found.model, found.version)


def _name(key: Key) -> str:
    return f"{key[1]}/{key[2]}"
