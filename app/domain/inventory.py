"""What is where: every model version of every workspace with digest, aliases and endpoints, as of the last look.

A portal reads a table of ours, however many rows it wants. Workers look at each workspace in turn, by lists alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from app import configuration, settings
from app.domain import access, external_lineage, models, origins, provenance
from app.domain.access import Caller, Name
from app.domain.origins import Origin
from app.domain.provenance import Provenance, make_key
from app.errors import ModelNotFound, Problem, UpstreamNotFound, WorkspaceRefused
from app.store import inventory as store
from app.store.inventory import InventoryVersion as InventoryVersion
from app.store.inventory import Seen as Seen
from app.store.pages import Page
from app.workspaces import catalogs, endpoints
from app.workspaces import models as registry

# After an operation of ours, which knows that something has changed. More of them come with a busy team.
SOON_SECONDS = 30.0
TICK_SECONDS = 10.0
UNSEEN = {"information_schema"}
Version = tuple[str, int]
Never = Callable[[], bool]
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Filters:
    """What a page is to hold; what is None does not matter."""

    project: str | None = None
    workspace: str | None = None
    model: str | None = None
    state: str | None = None
    digest: str | None = None
    alias: str | None = None
    endpoint: str | None = None
    table: str | None = None


class Stopped(Exception):
    """The process ends while a workspace is looked at."""


def list_page(caller: Caller, filters: Filters, after: str | None, size: int) -> Page[Seen]:
    """The versions of the caller's projects, by project, workspace, model and number."""
    projects = [one for one in access.list_projects(caller) if filters.project in {None, one}]
    equal: dict[str, Any] = {
        "workspace": filters.workspace,
        "model": filters.model and filters.model.lower(),
        "state": filters.state,
        "digest": filters.digest,
    }
    given = {column: value for column, value in equal.items() if value is not None}
    marks = {store.ALIAS: filters.alias, store.ENDPOINT: filters.endpoint}
    marks |= {store.TABLE: filters.table and filters.table.lower()}
    wanted = {kind: name for kind, name in marks.items() if name is not None}
    return store.list_page(projects, given, wanted, after, size)


def hasten(workspaces: list[str]) -> None:
    """Something was changed in the workspaces: they have their turn soon."""
    store.hasten(workspaces, SOON_SECONDS)


def take_turns(is_over: Never = lambda: False) -> None:
    """Look at each workspace that is due and that no other worker looks at; one that fails has its next turn later."""
    every = settings.current().inventory_seconds
    while not is_over() and (workspace := store.claim(configuration.current().workspaces, every)) is not None:
        try:
            external_lineage.write(workspace, refresh(workspace, is_over))
        except Problem as problem:
            log.warning("the inventory of a workspace stays old", workspace=workspace, reason=problem.detail)
            store.note_failure(workspace, problem.code)
        except Stopped:
            return


def refresh(workspace: str, is_over: Never = lambda: False) -> dict[Version, Origin]:
    """Look at the workspace from end to end, and replace what was known of it; answers what came by an acceptance.

    One call lists the catalogs, one the endpoints; one a catalog its schemas, one a schema its models, and two a model
    its versions and its aliases (pages of 100 apart): none a version. Raises whatever problem stopped it.
    """
    began = datetime.now(UTC)
    rows = Rows(workspace)
    for project, model in _list_models(workspace):
        if is_over():
            raise Stopped
        rows.add_model(project, model)
    for endpoint in endpoints.list_endpoints(workspace):
        rows.add_endpoint(endpoint)
    store.replace(workspace, list(rows.found.values()), began)
    return rows.accepted


class Rows:
    """What a look has found so far, by project, model and number, with what the project's own records say of it."""

    def __init__(self, workspace: str) -> None:
        self.workspace = workspace
        self.ways: dict[str, Provenance] = {}
        self.found: dict[tuple[str, str, int], InventoryVersion] = {}
        self.accepted: dict[Version, Origin] = {}

    def add_model(self, project: str, model: str) -> None:
        """Every version of the model; one that was deleted a moment ago, or is refused, has none."""
        try:
            versions = list(registry.iterate_versions(self.workspace, model))
            aliases = registry.get_model(self.workspace, model).aliases or {}
        except (ModelNotFound, WorkspaceRefused):
            return
        pointing: dict[int, list[str]] = defaultdict(list)
        for alias, version in sorted(aliases.items()):
            pointing[version].append(alias)
        for one in versions:
            row = self._get(project, model, one.version)
            row.state, row.created_at, row.aliases = one.state, one.created_at, pointing[one.version]

    def add_endpoint(self, endpoint: endpoints.ListedEndpoint) -> None:
        """What the endpoint serves; a model that the project does not declare is there by name and number alone."""
        project = _find_project(self.workspace, "endpoint", endpoint.name)
        for served, model, version in endpoint.serves:
            if project is not None and version.isdigit():
                row = self._get(project, model, int(version))
                row.endpoints = [*row.endpoints, {"name": endpoint.name, "served_entity": served}]

    def _get(self, project: str, model: str, version: int) -> InventoryVersion:
        key = (project, model.lower(), version)
        if key not in self.found:
            if project not in self.ways:
                self.ways[project] = provenance.read([project])
            origin = origins.find(self.ways[project], make_key(self.workspace, model, version))
            self.found[key] = InventoryVersion(
                project=project,
                workspace=self.workspace,
                model=key[1],
                version=version,
                came_by=origin.came_by,
                digest=origin.digest,
                publication_id=origin.publication_id,
                acceptance_id=origin.acceptance.id if origin.acceptance else None,
                provider_identifier=origin.acceptance.provider_identifier if origin.acceptance else None,
                travels_with=origin.travels_with,
            )
            if origin.acceptance is not None:
                self.accepted[key[1:]] = origin
        return self.found[key]


def _list_models(workspace: str) -> Iterator[tuple[str, str]]:
    """Every model of the workspace that a project declares or publishes, with that project."""
    for schema in _list_schemas(workspace):
        try:
            found = [model.name for model in registry.iterate_models(workspace, schema)]
        except (UpstreamNotFound, WorkspaceRefused):
            continue
        for model in found:
            project = _find_project(workspace, "model", model)
            if project is not None:
                yield project, model


def _list_schemas(workspace: str) -> Iterator[str]:
    for catalog in catalogs.iterate_catalogs(workspace):
        if not any(access.declares_within(project, workspace, catalog.name) for project in _projects()):
            own = _find_project(workspace, "catalog", catalog.name)
            if own is None and catalog.name != configuration.current().workspaces[workspace].shareable_catalog:
                continue
        try:
            schemas = catalogs.list_schemas(workspace, catalog.name)
        except (UpstreamNotFound, WorkspaceRefused):
            continue
        for schema in schemas:
            name = f"{catalog.name}.{schema}"
            if schema not in UNSEEN and _find_project(workspace, "schema", name) is not None:
                yield name


def _find_project(workspace: str, kind: str, name: str) -> str | None:
    """The project that declares the name; a schema may be several projects', and the first will do."""
    for project in _projects():
        if access.declares(project, Name(kind, workspace, name)):
            return project
        if kind in {"model", "schema"} and models.is_shareable(project, workspace, name):
            return project
    return None


def _projects() -> list[str]:
    return sorted(configuration.current().projects)
