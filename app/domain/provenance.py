"""How does one thing become another? Copied, seen through a share, kept as one's own, needed; from our own records.

Tables and functions that travel with versions go the same ways; in place of a number they have 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from app.domain import contents
from app.store import lineage as store
from app.store.lineage import Accepted, Published

ACTIVE, WITHDRAWN = "ACTIVE", "WITHDRAWN"
# A consumer has it, or had it: what it copied meanwhile it keeps.
WAS_ACCEPTED = (ACTIVE, "GIVEN_BACK")
VERSION, COPY, OWNED, TABLE = "model_version", "copy", "owned_copy", "table"
COPIED_TO, NEEDED_BY = "copied_to", "needed_by"
Place = tuple[str, str]
"""Workspace, full name in lower case."""
Key = tuple[str, str, int]
"""The same of a model with a version's number, or of a table or function with 0."""


@dataclass(frozen=True)
class Shared:
    """What a share shows, or showed: one version, a table (`number` 0), or (None) a model with all of its versions."""

    place: Place
    number: int | None
    kind: str
    shared_as: str
    share: str
    audience: str
    state: str
    publication: Published | None
    acceptances: list[Accepted]

    def holds(self, key: Key) -> bool:
        """Whether that version is meant, which consumers see under the same number."""
        return self.number in {key[2], None}

    def names(self, number: int) -> bool:
        """Whether its publication says of this version which bytes it has, and not of another one of the model."""
        return self.publication is not None and self.publication.published_version == number

    def list_seen(self, number: int) -> Iterator[tuple[Key, Accepted]]:
        """What consumers call it, in each workspace that sees their catalogs."""
        for one in self.acceptances:
            for workspace in one.places:
                yield make_key(workspace, f"{one.catalog}.{self.shared_as}", number), one


@dataclass(frozen=True)
class OwnedCopy:
    """A version that a consumer made of what its acceptance showed; `publication_id` is None for a partner's."""

    source: Key
    digest: str
    publication_id: str | None
    acceptance: Accepted


@dataclass(frozen=True)
class Known:
    """What the records say of a thing: `record_id` is of the publication or acceptance that brought it there."""

    kind: str
    record_id: str | None
    details: dict[str, Any]


class Leads:
    """Where the way goes on: from key to key, or from model to model under the same numbers."""

    def __init__(self) -> None:
        self._exact: dict[Key, set[Key]] = defaultdict(set)
        self._whole: dict[Place, set[Place]] = defaultdict(set)

    def add(self, begin: Key, end: Key) -> None:
        """From one thing to another."""
        self._exact[begin].add(end)

    def add_whole(self, begin: Place, end: Place) -> None:
        """From every version of a model to the one of the same number."""
        self._whole[begin].add(end)

    def get(self, key: Key) -> set[Key]:
        """What is one step on."""
        return self._exact.get(key, set()) | {(*place, key[2]) for place in self._whole.get(key[:2], ())}

    def close(self, start: Iterable[Key]) -> set[Key]:
        """The start, and all that is reached from it."""
        found, ahead = set(start), list(start)
        while ahead:
            reached = self.get(ahead.pop()) - found
            found |= reached
            ahead += reached
        return found


@dataclass
class Provenance:
    """The ways of all that some projects have published and accepted. Of several records, one that is active comes
    first.
    """

    up: Leads = field(default_factory=Leads)
    down: Leads = field(default_factory=Leads)
    steps: list[tuple[Key, str, Key]] = field(default_factory=list)
    """What was copied to what, and what is needed by what."""
    shared: dict[Place, list[Shared]] = field(default_factory=lambda: defaultdict(list))
    seen: dict[Place, list[tuple[Shared, Accepted]]] = field(default_factory=lambda: defaultdict(list))
    catalogs: dict[Place, list[Accepted]] = field(default_factory=lambda: defaultdict(list))
    published: dict[str, Shared] = field(default_factory=dict)
    beside: dict[Place, list[Shared]] = field(default_factory=lambda: defaultdict(list))
    """By workspace and share: the tables of its audience that are in it."""
    sources: dict[Key, list[Shared]] = field(default_factory=lambda: defaultdict(list))
    """What shares show of copies of the version."""
    owned: dict[Key, OwnedCopy] = field(default_factory=dict)
    known: dict[Key, Known] = field(default_factory=dict)

    def describe(self, key: Key) -> Known:
        """What the thing is, as far as the records tell."""
        if key not in self.known and (arrivals := self.list_arrivals(key)):
            return _describe(arrivals[0][0], key[2])
        return self.known.get(key) or Known(VERSION if key[2] else TABLE, None, {})

    def list_departures(self, key: Key) -> list[Shared]:
        """What shares show of it; those come first that name the version."""
        found = [one for one in self.shared.get(key[:2], []) if one.holds(key)]
        return sorted(found, key=lambda one: (one.state != ACTIVE, not one.names(key[2])))

    def list_arrivals(self, key: Key) -> list[tuple[Shared, Accepted]]:
        """What it is in its provider's share, and who accepted that; in the same order."""
        found = [one for one in self.seen.get(key[:2], []) if one[0].holds(key)]
        return sorted(found, key=lambda one: (one[0].state != ACTIVE, not one[0].names(key[2])))

    def list_beside(self, shared: Shared) -> list[Shared]:
        """The tables of the audience that are in the same share now, whether or not a version needs them."""
        return self.beside.get((shared.place[0], shared.share), []) if shared.state == ACTIVE else []

    def find_catalog(self, key: Key) -> Accepted | None:
        """The acceptance that made the catalog that the thing is in."""
        return next(iter(self.catalogs.get((key[0], key[1].partition(".")[0]), [])), None)

    def add_step(self, begin: Key, kind: str, end: Key) -> None:
        """The one came out of the other within a metastore."""
        self.steps.append((begin, kind, end))
        self.down.add(begin, end)
        self.up.add(end, begin)

    def add_shared(self, shared: Shared) -> None:
        """A share shows it."""
        self.shared[shared.place].append(shared)
        if shared.number == 0:
            self.known.setdefault((*shared.place, 0), _describe(shared, 0))
        for seen, accepted in shared.list_seen(shared.number or 0):
            self.seen[seen[:2]].append((shared, accepted))
            if shared.number is None:
                self.down.add_whole(shared.place, seen[:2])
                self.up.add_whole(seen[:2], shared.place)
            else:
                self.down.add((*shared.place, shared.number), seen)
                self.up.add(seen, (*shared.place, shared.number))


def read(projects: Iterable[str]) -> Provenance:
    """The ways in the projects, as they are or were; three statements."""
    made, projects = Provenance(), list(projects)
    accepted = _active_first(store.list_accepted(projects, WAS_ACCEPTED))
    audiences: dict[tuple[Any, ...], list[Accepted]] = defaultdict(list)
    for one in accepted:
        audiences[one.project, one.provider_workspace, one.audience].append(one)
        for workspace in one.places:
            made.catalogs[workspace, one.catalog.lower()].append(one)
        _add_owned(made, one)
    for published in _active_first(store.list_published(projects, [ACTIVE, WITHDRAWN])):
        those = audiences[published.project, published.workspace, published.audience]
        _add_published(made, published, [one for one in those if _has_shown(one, published)])
    for (place, share, audience, project), state in _list_tables(projects).items():
        those = audiences[project, place[0], audience]
        table = Shared(place, 0, TABLE, contents.name_shared(place[1]), share, audience, state, None, those)
        made.add_shared(table)
        if state == ACTIVE:
            made.beside[place[0], share].append(table)
    return made


def make_key(workspace: str, name: str, number: int) -> Key:
    """Names are case-insensitive."""
    return (workspace, name.lower(), number)


def _add_published(made: Provenance, one: Published, acceptances: list[Accepted]) -> None:
    source = make_key(one.workspace, one.model, one.version)
    copy = make_key(one.workspace, one.published_model, one.published_version or 0)
    # Which versions a model had, while it was shared whole, nobody can tell later: but for the one that was named.
    number = None if one.is_whole_model and one.state == ACTIVE else copy[2]
    shared = Shared(copy[:2], number, VERSION, str(one.shared_as), one.share, one.audience, one.state, one, acceptances)
    made.add_shared(shared)
    made.published[one.id] = shared
    made.sources[source].append(shared)
    if not one.is_whole_model:
        made.known.setdefault(copy, Known(COPY, one.id, {"digest": one.digest, "state": one.state}))
        made.add_step(source, COPIED_TO, copy)
    for need in one.needs or []:
        place = make_key(one.workspace, need["name"], 0)[:2]
        table = replace(shared, place=place, number=0, kind=need["kind"], shared_as=contents.name_shared(place[1]))
        made.add_shared(table)
        made.add_step((*place, 0), NEEDED_BY, source)
        for (needed, _), (seen, _) in zip(table.list_seen(0), shared.list_seen(copy[2]), strict=True):
            made.add_step(needed, NEEDED_BY, seen)


def _add_owned(made: Provenance, acceptance: Accepted) -> None:
    for copy in acceptance.copies or []:
        source, owned = (
            make_key(acceptance.workspace, copy[side]["model"], copy[side]["version"]) for side in ("source", "owned")
        )
        made.add_step(source, COPIED_TO, owned)
        made.owned.setdefault(owned, OwnedCopy(source, copy["digest"], copy.get("publication_id"), acceptance))
        made.known.setdefault(owned, Known(OWNED, acceptance.id, {"digest": copy["digest"]}))


def _list_tables(projects: list[str]) -> dict[tuple[Place, str, str, str], str]:
    """The tables that audience changes put into shares, by place, share, audience and project: whether they stay."""
    found: dict[tuple[Place, str, str, str], str] = {}
    for change in store.list_tables_changed(projects):
        for tables, state in ((change.tables_added, ACTIVE), (change.tables_removed, WITHDRAWN)):
            for table in tables or []:
                place = make_key(change.workspace, table, 0)[:2]
                found[place, change.share, change.audience, change.project] = state
    return dict(sorted(found.items(), key=lambda one: one[1] != ACTIVE))


def _describe(shared: Shared, number: int) -> Known:
    one = shared.publication
    if shared.kind != VERSION or one is None:
        return Known(shared.kind, None, {"state": shared.state})
    return Known(VERSION, one.id, {"digest": one.digest if shared.names(number) else None, "state": shared.state})


def _has_shown(acceptance: Accepted, publication: Published) -> bool:
    came_before_its_end = publication.state == ACTIVE or acceptance.created_at <= publication.updated_at
    lasted = acceptance.state == ACTIVE or publication.created_at <= acceptance.updated_at
    return came_before_its_end and lasted


def _active_first(records: list[Any]) -> list[Any]:
    return sorted(records, key=lambda one: str(one.state) != ACTIVE)
