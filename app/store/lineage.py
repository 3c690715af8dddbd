"""What lineage and inventory read of our records: narrow columns of many, and no manifest or report that they hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, func, select

from app.store.acceptances import Acceptance
from app.store.audience_changes import AudienceChange
from app.store.database import reading
from app.store.deployments import Deployment
from app.store.publications import Publication
from app.store.scoring_runs import ScoringRun
from app.store.training_runs import TrainingRun


@dataclass(frozen=True)
class Published:
    """A publication."""

    id: str
    project: str
    state: str
    workspace: str
    model: str
    version: int
    audience: str
    share: str
    published_model: str
    published_version: int | None
    digest: str | None
    shared_as: str | None
    needs: list[dict[str, str]] | None
    created_at: datetime
    updated_at: datetime

    @property
    def is_whole_model(self) -> bool:
        """Whether the model itself is shared, with all of its versions."""
        return self.published_model == self.model


@dataclass(frozen=True)
class Accepted:
    """An acceptance; `copies` are the versions that the consumer owns since. A partner's has no provider workspace."""

    id: str
    project: str
    state: str
    workspace: str
    provider_workspace: str | None
    provider_identifier: str | None
    audience: str | None
    share: str
    catalog: str
    also_seen_in: list[str] | None
    copies: list[dict[str, Any]] | None
    created_at: datetime
    updated_at: datetime

    @property
    def places(self) -> list[str]:
        """Where the catalog is seen: in every workspace on the consumer's metastore."""
        return [self.workspace, *(self.also_seen_in or [])]


@dataclass(frozen=True)
class TablesChanged:
    """An audience change, as far as it put tables into the share or took them out."""

    project: str
    workspace: str
    audience: str
    share: str
    tables_added: list[str] | None
    tables_removed: list[str] | None


@dataclass(frozen=True)
class Trained:
    """A training run that registered a version; `data` has path, sha256 and rows."""

    id: str
    workspace: str
    model: str
    version: int
    target: str
    run_id: str
    metrics: dict[str, float]
    data: dict[str, Any]


@dataclass(frozen=True)
class Serving:
    """A deployment that is an endpoint's present one."""

    id: str
    workspace: str
    model: str
    version: int
    endpoint: str
    served_entity: str


@dataclass(frozen=True)
class Scored:
    """A scoring run that ended well."""

    id: str
    workspace: str
    model: str
    version: int
    rows: int | None


def list_published(projects: Iterable[str], states: Iterable[str]) -> list[Published]:
    """The publications of the projects in one of the states, oldest first."""
    computed = {"shared_as": Publication.outcome["shared_as"].as_string(), "needs": Publication.outcome["needs"]}
    return [Published(**row) for row in _list(Publication, Published, projects, states, **computed)]


def list_accepted(projects: Iterable[str], states: Iterable[str]) -> list[Accepted]:
    """The acceptances of the projects in one of the states, oldest first."""
    computed = {name: Acceptance.outcome[name] for name in ("also_seen_in", "copies")}
    computed |= {"provider_identifier": Acceptance.outcome["provider_identifier"].as_string()}
    return [Accepted(**row) for row in _list(Acceptance, Accepted, projects, states, **computed)]


def list_shown(acceptance_ids: Iterable[str]) -> list[tuple[str, int]]:
    """Each model and version that was seen in the catalogs of these acceptances, when they were last looked into."""
    statement = select(Acceptance.outcome["models"]).where(col(Acceptance.id).in_(list(acceptance_ids)))
    with reading() as session:
        looks = session.execute(statement).scalars().all()
    return [(one["model"], version["version"]) for look in looks for one in look or [] for version in one["versions"]]


def list_tables_changed(projects: Iterable[str]) -> list[TablesChanged]:
    """The audience changes of the projects that were made, oldest first."""
    computed = {name: AudienceChange.outcome[name] for name in ("tables_added", "tables_removed")}
    rows = _list(AudienceChange, TablesChanged, projects, ["SUCCEEDED"], **computed)
    return [TablesChanged(**row) for row in rows]


def list_trained(projects: Iterable[str], models: Iterable[str]) -> list[Trained]:
    """The training runs that registered versions of the models, whose names are in lower case, oldest first."""
    return _list_trained(projects, [func.lower(TrainingRun.model).in_(list(models))])


def list_trained_on(projects: Iterable[str], workspace: str, path: str) -> list[Trained]:
    """The training runs that read the file, oldest first."""
    read = TrainingRun.outcome["data"]["path"].as_string() == path
    return _list_trained(projects, [TrainingRun.workspace == workspace, read])


def list_serving(projects: Iterable[str], models: Iterable[str] | None = None, **equal: str) -> list[Serving]:
    """The present deployments of endpoints: of the models, whose names are in lower case, or in the place given."""
    only = [] if models is None else [func.lower(Deployment.model).in_(list(models))]
    only += [getattr(Deployment, name) == value for name, value in equal.items()]
    return [Serving(**row) for row in _list(Deployment, Serving, projects, ["ACTIVE"], only)]


def list_scored(projects: Iterable[str], models: Iterable[str], most: int) -> list[Scored]:
    """The latest scoring runs of the models, whose names are in lower case, `most` at most, oldest first."""
    only = [func.lower(ScoringRun.model).in_(list(models))]
    rows = ScoringRun.outcome["rows"].as_integer()
    return [Scored(**row) for row in _list(ScoringRun, Scored, projects, ["SUCCEEDED"], only, most=most, rows=rows)]


def _list_trained(projects: Iterable[str], only: list[Any]) -> list[Trained]:
    computed = {name: TrainingRun.outcome[name] for name in ("data", "metrics")}
    computed |= {"run_id": TrainingRun.outcome["run_id"].as_string()}
    computed |= {"target": TrainingRun.request["target"].as_string()}
    rows = _list(TrainingRun, Trained, projects, ["SUCCEEDED"], only, **computed)
    return [Trained(**row) for row in rows]


def _list(
    table: Any,
    kind: Any,
    projects: Iterable[str],
    states: Iterable[str],
    only: Iterable[Any] = (),
    most: int | None = None,
    **computed: Any,
) -> list[dict[str, Any]]:
    """The fields of `kind` from columns of their names, but for those that are computed."""
    names = list(kind.__dataclass_fields__)
    columns: list[Any] = [computed[name] if name in computed else getattr(table, name) for name in names]
    statement = select(*(column.label(name) for column, name in zip(columns, names, strict=True)))
    statement = statement.where(col(table.project).in_(list(projects)), col(table.state).in_(list(states)))
    statement = statement.where(*only).order_by(col(table.created_at).desc(), col(table.id).desc()).limit(most)
    with reading() as session:
        rows: list[dict[str, Any]] = [dict(row) for row in session.execute(statement).mappings()]
    return rows[::-1]
