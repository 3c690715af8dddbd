"""Where does a thing come from, and what has come of it? A graph across workspaces, from Causeway's own records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.domain import data_files, models, provenance, records
from app.domain.access import READ, Caller, Name, check_live, get_workspace, list_projects
from app.domain.lineage_graphs import Graph
from app.domain.provenance import Key, make_key
from app.store import lineage as store
from app.store.lineage import Scored, Serving, Trained
from app.store.publications import Publication

UPSTREAM, DOWNSTREAM, BOTH = "upstream", "downstream", "both"
# Of a version that is scored every hour, the latest runs will do.
MOST_RUNS = 500


@dataclass(frozen=True)
class Start:
    """Whose lineage it is: of a version, a table, an endpoint, a catalog, a file, a publication, all of a digest."""

    workspace: str = ""
    model: str | None = None
    version: int | None = None
    table: str | None = None
    endpoint: str | None = None
    catalog: str | None = None
    data: str | None = None
    publication: str | None = None
    digest: str | None = None


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
    elif start.table is not None:
        check_live(caller, READ, Name("table", place, start.table))
        walk.follow({make_key(place, start.table, 0)})
    else:
        models.check_visible(caller, Name("model", place, start.model or ""))
        walk.follow({make_key(place, start.model or "", start.version or 0)})
    return walk.graph


class _Walk:
    """One tracing: the ways in the caller's projects, which of them to go, and the graph so far."""

    def __init__(self, caller: Caller, direction: str) -> None:
        self.caller, self.projects = caller, list_projects(caller)
        self.up, self.down = direction != DOWNSTREAM, direction != UPSTREAM
        self.ways = provenance.read(self.projects)
        self.graph = Graph()

    def from_publication(self, publication_id: str) -> None:
        """What the publication shows: its copy, or what is known of a model that is shared whole; maybe nothing yet."""
        records.get(self.caller, Publication, publication_id)
        shared = self.ways.published.get(publication_id)
        if shared is None or shared.publication is None:
            return
        numbers = {shared.publication.published_version or 0}
        if shared.number is None:
            seen = {key[1] for key, _ in shared.list_seen(0)}
            shown = store.list_shown(one.id for one in shared.acceptances)
            numbers |= {number for model, number in shown if model.lower() in seen}
        self.follow({(*shared.place, number) for number in numbers})

    def from_digest(self, digest: str) -> None:
        """Every version of these bytes that a publication vouches for, or an owned copy's own proof."""
        found = {key for key, copy in self.ways.owned.items() if copy.digest == digest}
        for shared in self.ways.published.values():
            one = shared.publication
            if one is not None and one.digest == digest:
                found |= {make_key(one.workspace, one.model, one.version), (*shared.place, one.published_version or 0)}
                found |= {key for key, _ in shared.list_seen(one.published_version or 0)}
        self.follow(found)

    def from_endpoint(self, workspace: str, endpoint: str) -> None:
        """What the endpoint serves now; nothing comes of an endpoint but predictions."""
        check_live(self.caller, READ, Name("endpoint", workspace, endpoint))
        served = store.list_serving(self.projects, workspace=workspace, endpoint=endpoint)
        self.graph.add("endpoint", workspace, endpoint)
        if self.up:
            self.down = False
            self.follow({_key_of(one) for one in served})
            self._add_endpoints(served)

    def from_catalog(self, workspace: str, catalog: str) -> None:
        """All that acceptances show in the catalog, or showed."""
        check_live(self.caller, READ, Name("catalog", workspace, catalog))
        accepted = self.ways.catalogs.get((workspace, catalog.lower()), [])
        shown = store.list_shown(one.id for one in accepted) if accepted else []
        keys = {make_key(workspace, model, number) for model, number in shown}
        for place, arrivals in self.ways.seen.items():
            if place[0] == workspace and place[1].startswith(f"{catalog.lower()}."):
                keys |= {(*place, shared.number) for shared, _ in arrivals if shared.number is not None}
        self.follow(keys)
        self._add_catalog(workspace, catalog)
        for key in keys:
            self._add_shown(key)

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
            self._add_training(runs)

    def follow(self, start: set[Key]) -> None:
        """Add all that the versions came from, and all that came of them, as far as the direction goes."""
        above = self.ways.up.close(start) if self.up else start
        below = self.ways.down.close(start) if self.down else start
        keys = above | below
        for key in sorted(keys):
            self._add(key)
            self._add_shares(key, keys, goes_on=self.down and key in below)
        for key in sorted(above if self.up else ()):
            self._add_origin(key)
        for begin, kind, end in self.ways.steps:
            if begin in keys and end in keys:
                self.graph.chain(self._add(begin), kind, self._add(end))
        if self.up:
            self._add_training(_of(above, store.list_trained(self.projects, _names(above))))
        if self.down:
            self._add_endpoints(_of(below, store.list_serving(self.projects, _names(below))))
            runs = store.list_scored(self.projects, _names(below), MOST_RUNS + 1)
            self.graph.complete = len(runs) <= MOST_RUNS
            self._add_scorings(_of(below, runs[-MOST_RUNS:]))

    def _add(self, key: Key) -> str:
        known = self.ways.describe(key)
        name = f"{key[1]}/{key[2]}" if key[2] else key[1]
        return self.graph.add(known.kind, key[0], name, known.record_id, **known.details)

    def _add_shares(self, key: Key, keys: set[Key], *, goes_on: bool) -> None:
        """The shares that show the thing, and what consumers see of it there, as far as that is wanted."""
        for shared in self.ways.list_departures(key):
            seen = [there for there, _ in shared.list_seen(key[2]) if there in keys]
            if goes_on or seen:
                share = self.graph.add("share", key[0], shared.share, audience=shared.audience)
                self.graph.chain(self._add(key), "shared_in", share)
                for there in seen:
                    self.graph.chain(share, "accepted_as", self._add_shown(there))

    def _add_origin(self, key: Key) -> None:
        """What is in an accepted catalog came through its share, also where no publication of ours tells of it."""
        accepted = self.ways.find_catalog(key)
        if accepted is not None and not self.ways.list_arrivals(key):
            provider = accepted.provider_workspace or accepted.provider_identifier or "a partner"
            share = self.graph.add("share", provider, accepted.share, audience=accepted.audience)
            self.graph.chain(share, "accepted_as", self._add_shown(key))

    def _add_shown(self, key: Key) -> str:
        """The thing as its consumer sees it, below its catalog, whose id is the answer."""
        catalog = self._add_catalog(key[0], key[1].partition(".")[0])
        self.graph.chain(catalog, "shows", self._add(key))
        return catalog

    def _add_catalog(self, workspace: str, name: str) -> str:
        accepted = self.ways.catalogs.get((workspace, name.lower()))
        if not accepted:
            return self.graph.add("catalog", workspace, name)
        return self.graph.add("catalog", workspace, accepted[0].catalog, accepted[0].id, state=accepted[0].state)

    def _add_training(self, runs: Iterable[Trained]) -> None:
        for run in runs:
            data = {"sha256": run.data["sha256"], "rows": run.data["rows"]}
            found = {"target": run.target, "run_id": run.run_id, "metrics": run.metrics}
            self.graph.chain(
                self.graph.add("data", run.workspace, run.data["path"], **data),
                "read_by",
                self.graph.add("training_run", run.workspace, run.id, run.id, **found),
                "registered",
                self._add(_key_of(run)),
            )

    def _add_endpoints(self, deployments: Iterable[Serving]) -> None:
        for one in deployments:
            served = {"served_entity": one.served_entity, "model": one.model, "version": one.version}
            endpoint = self.graph.add("endpoint", one.workspace, one.endpoint, one.id, **served)
            self.graph.chain(self._add(_key_of(one)), "served_by", endpoint)

    def _add_scorings(self, runs: Iterable[Scored]) -> None:
        for one in runs:
            run = self.graph.add("scoring_run", one.workspace, one.id, one.id, rows=one.rows)
            self.graph.chain(self._add(_key_of(one)), "scored_by", run)


def _of(keys: set[Key], found: Iterable[Any]) -> list[Any]:
    """Those of these versions: the names alone are asked of the database."""
    return [one for one in found if _key_of(one) in keys]


def _names(keys: set[Key]) -> set[str]:
    return {model for _, model, _ in keys}


def _key_of(found: Trained | Serving | Scored) -> Key:
    return make_key(found.workspace, found.model, found.version)
