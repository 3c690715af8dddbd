"""One look at one workspace: what our records promise there, and the answers of the workspace, each asked for once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ParamSpec, TypeVar

from app import configuration
from app.configuration import RETIRING, share_name
from app.domain import access
from app.errors import Problem
from app.store import operations
from app.store import records as store
from app.store.acceptances import Acceptance
from app.store.audience_changes import AudienceChange
from app.store.deployments import Deployment
from app.store.drifts import Drift
from app.store.publications import Publication
from app.workspaces import identities

P = ParamSpec("P")
Answer = TypeVar("Answer")
Promise = Publication | Acceptance | Deployment
Changing = Promise | AudienceChange
VERSION = "model version"


@dataclass(frozen=True)
class Promises:
    """What our records promise in a workspace now. `moving` are the marks of what operations are changing."""

    publications: list[Publication]
    acceptances: list[Acceptance]
    deployments: list[Deployment]
    moving: frozenset[str]

    @property
    def held(self) -> set[tuple[str, int]]:
        """The versions whose bytes are promised: what is published, and what consumers keep copies of."""
        copies = [copy["owned"] for one in self.acceptances for copy in one.outcome.get("copies", [])]
        published = {(one.published_model, one.published_version or 0) for one in self.publications if one.digest}
        return published | {(copy["model"], copy["version"]) for copy in copies}

    @property
    def is_empty(self) -> bool:
        """Whether nothing is promised there."""
        return not (self.publications or self.acceptances or self.deployments)

    @property
    def marked(self) -> dict[str, frozenset[str]]:
        """Each promise with all that it touches."""
        records: list[Promise] = [*self.publications, *self.acceptances, *self.deployments]
        return {one.id: mark(one) for one in records}


def promised(project: str, workspace: str) -> Promises:
    """What is promised by active records; what is under way has been promised by nobody yet."""
    live = {one.resource_id for one in operations.list_live(project)}
    place = {"project": project, "workspace": workspace}
    tables: tuple[type[Any], ...] = (Publication, Acceptance, Deployment)
    changing_too: tuple[type[Any], ...] = (*tables, AudienceChange)
    pending = [one for table in changing_too for one in store.list_all(table, state="PENDING", **place)]
    active: list[Any] = [store.list_all(table, state="ACTIVE", **place) for table in tables]
    changing = [*pending, *(one for found in active for one in found if one.id in live)]
    return Promises(active[0], active[1], active[2], frozenset().union(*map(mark, changing)))


def narrow(promises: Promises, drift: Drift) -> Promises:
    """Those among them that the drift may speak of: one difference is looked for without asking for all the others."""
    share, name = drift.target.get("share"), drift.object_name
    publications = [one for one in promises.publications if share in {None, one.share}]
    if drift.object_kind == VERSION:
        publications = [one for one in publications if name.startswith(f"{one.published_model} version ")]
    return replace(
        promises,
        publications=publications,
        acceptances=[one for one in promises.acceptances if one.catalog == name or one.id == drift.record_id],
        deployments=[one for one in promises.deployments if one.endpoint == name],
    )


def mark(record: Changing) -> frozenset[str]:
    """What the record touches: itself, and the names that an operation on it changes."""
    if isinstance(record, Publication):
        return frozenset({record.id, f"share {record.share}", f"model {record.published_model}"})
    if isinstance(record, AudienceChange):
        return frozenset({record.id, f"share {record.share}"})
    if isinstance(record, Acceptance):
        return frozenset({record.id, f"catalog {record.catalog}"})
    return frozenset({record.id, f"endpoint {record.endpoint}"})


def list_active(project: str) -> list[str]:
    """The workspaces of the project that take new work, by name."""
    known = configuration.current().workspaces
    return [one for one in access.list_places(project) if one in known and known[one].state != RETIRING]


def list_moved(before: Promises, after: Promises) -> frozenset[str]:
    """The marks of all that an operation changed during the look, or was changing at either end of it."""
    first, last = before.marked, after.marked
    changed = (marks for one, marks in {**first, **last}.items() if (one in first) != (one in last))
    return frozenset().union(before.moving, after.moving, *changed)


@dataclass
class Look:
    """What finders work with. Each question to the workspace is asked once, and a problem is an answer, too."""

    project: str
    workspace: str
    promises: Promises
    digests: dict[tuple[str, int], str] | None = None
    """What a job read of what is `held`, where it was asked to."""
    share: str | None = None
    """The one share that a remedy is to heal; None looks at all of them."""
    missed: list[Problem] = field(default_factory=list)
    """What kept a finder from a part of what it was to look at; it went on with the rest."""
    _answers: dict[Any, Any] = field(default_factory=dict)

    def ask(self, function: Callable[P, Answer], *args: P.args, **kwargs: P.kwargs) -> Answer:
        """The answer to this question, the same all through the look; raises its problem each time."""
        key = (function, args, tuple(kwargs.items()))
        if key not in self._answers:
            try:
                self._answers[key] = function(*args, **kwargs)
            except Problem as problem:
                self._answers[key] = problem
        answer = self._answers[key]
        if isinstance(answer, Problem):
            raise answer
        return answer  # type: ignore[no-any-return]

    @property
    def control(self) -> str:
        """As whom the workspace knows Causeway."""
        return self.ask(identities.get_self, self.workspace).identity.name

    @property
    def is_first(self) -> bool:
        """Whether this is where the project is told what is in no workspace: in one look of several, not in each."""
        return [self.workspace] == list_active(self.project)[:1]

    @property
    def shareable_catalog(self) -> str | None:
        """The workspace's catalog of vetted copies, if it is to have one."""
        return configuration.current().workspaces[self.workspace].shareable_catalog

    @property
    def may_publish(self) -> bool:
        """Whether the project could have something shared from there."""
        return self.shareable_catalog is not None and bool(self.share_names)

    @property
    def share_names(self) -> dict[str, str]:
        """The share of each of the project's audiences, with the audience."""
        audiences = configuration.current().projects[self.project].audiences
        named = {share_name(self.project, audience): audience for audience in audiences}
        return {share: audience for share, audience in named.items() if self.share in {None, share}}
