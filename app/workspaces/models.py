"""Which models and versions does a workspace's registry hold? Live, with aliases asked for and never guessed empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from databricks.sdk.service.catalog import DependencyList, ModelVersionInfo, RegisteredModelAlias, RegisteredModelInfo

from app.errors import ModelNotFound, ModelVersionNotFound, UpstreamNotFound, WrittenNotVisible
from app.workspaces import faults
from app.workspaces.clients import connected
from app.workspaces.pages import Page, as_time, get_page

MODELS = "/api/2.1/unity-catalog/models"
READY = "READY"
WHOLE = 100
Item = TypeVar("Item")


@dataclass(frozen=True)
class Model:
    """A registered model by its full name; `aliases` (alias to version) is None where they are not listed."""

    name: str
    owner: str | None
    comment: str | None
    aliases: dict[str, int] | None
    created_at: datetime | None
    updated_at: datetime | None


@dataclass(frozen=True)
class Dependency:
    """What a version needs beside its files, by full name: `kind` is table or function."""

    kind: str
    name: str


@dataclass(frozen=True)
class ModelVersion:
    """A version; `state` is the platform's word, READY when usable.

    `aliases` and `tags` are None where they are not listed; `id` is the registry's own, which no later version gets.
    Lists leave the `dependencies` out as well.
    """

    model: str
    version: int
    state: str
    aliases: list[str] | None
    comment: str | None
    run_id: str | None
    source: str | None
    created_by: str | None
    created_at: datetime | None
    id: str | None = None
    tags: dict[str, str] | None = None
    dependencies: list[Dependency] = field(default_factory=list)


def list_models(workspace: str, schema: str, *, page_size: int, page_token: str | None = None) -> Page[Model]:
    """A page of the models of a schema (`catalog.schema`), without their aliases."""
    catalog, _, name = schema.partition(".")
    missing = faults.make_missing(ModelNotFound, workspace, "schema", schema)
    query = {"catalog_name": catalog, "schema_name": name, "max_results": page_size, "page_token": page_token}
    with connected(workspace, f"listing models of {schema}", missing) as client:
        return get_page(client, MODELS, "registered_models", _as_listed_model, **query)


def get_model(workspace: str, model: str) -> Model:
    """The model with its aliases; raises `ModelNotFound`."""
    with connected(workspace, f"reading model {model}", _missing_model(workspace, model)) as client:
        found = client.registered_models.get(model, include_aliases=True)
    return _as_model(found, _read_aliases(found.aliases))


def list_versions(workspace: str, model: str, *, page_size: int, page_token: str | None = None) -> Page[ModelVersion]:
    """A page of the model's versions in no order, without their aliases; raises `ModelNotFound`."""
    query = {"max_results": page_size, "page_token": page_token}
    with connected(workspace, f"listing versions of {model}", _missing_model(workspace, model)) as client:
        return get_page(client, f"{MODELS}/{model}/versions", "model_versions", _as_listed_version, **query)


def iterate_models(workspace: str, schema: str) -> Iterator[Model]:
    """Every model of the schema, without aliases, a request a page."""
    return _iterate(lambda token: list_models(workspace, schema, page_size=WHOLE, page_token=token))


def iterate_versions(workspace: str, model: str) -> Iterator[ModelVersion]:
    """Every version of the model in no order, without aliases, a request a page; raises `ModelNotFound`."""
    return _iterate(lambda token: list_versions(workspace, model, page_size=WHOLE, page_token=token))


def get_version(workspace: str, model: str, version: int) -> ModelVersion:
    """The version with its aliases and tags; raises `ModelVersionNotFound`."""
    with connected(workspace, f"reading version {version} of {model}", _missing(workspace, model, version)) as client:
        # The SDK's class leaves the tags out of what the platform answers [MLF].
        path, query = f"{MODELS}/{model}/versions/{version}", {"include_aliases": True}
        answer: Any = client.api_client.do("GET", path, query=query, headers={"Accept": "application/json"})
    found = ModelVersionInfo.from_dict(answer)
    tags = {str(tag["key"]): str(tag.get("value") or "") for tag in answer.get("tags") or []}
    return replace(_as_version(found, sorted(_read_aliases(found.aliases))), tags=tags)


def find_version(workspace: str, model: str, version: int) -> ModelVersion | None:
    """The version with its aliases, or None when it or its model does not exist (or cannot be seen yet)."""
    try:
        return get_version(workspace, model, version)
    except UpstreamNotFound:
        return None


def get_version_at(workspace: str, model: str, alias: str) -> ModelVersion:
    """The version that the alias points to now; raises `ModelVersionNotFound`."""
    _missing_model(workspace, model)
    missing = faults.make_missing(ModelVersionNotFound, workspace, f"version of {model} with alias", alias)
    with connected(workspace, f"reading {model}@{alias}", missing) as client:
        found = client.model_versions.get_by_alias(model, alias, include_aliases=True)
    return _as_version(found, sorted({alias, *_read_aliases(found.aliases)}))


def remove_version(workspace: str, model: str, version: int) -> None:
    """Delete the version and with it its aliases; one that is gone already is a success."""
    action = f"deleting version {version} of {model}"
    try:
        with connected(workspace, action, _missing(workspace, model, version)) as client:
            client.model_versions.delete(model, version)
    except UpstreamNotFound:
        return
    if find_version(workspace, model, version) is not None:
        raise WrittenNotVisible(workspace=workspace, action=action)


def find_metrics(workspace: str, run_id: str) -> dict[str, float] | None:
    """The metrics of the MLflow run that made a version, or None when the run is not in this workspace."""
    missing = faults.make_missing(UpstreamNotFound, workspace, "run", run_id)
    try:
        with connected(workspace, f"reading run {run_id}", missing) as client:
            run = client.experiments.get_run(run_id).run
    except UpstreamNotFound:
        return None
    metrics = run.data.metrics if run and run.data and run.data.metrics else []
    return {metric.key: metric.value for metric in metrics if metric.key and metric.value is not None}


def _iterate(read: Callable[[str | None], Page[Item]]) -> Iterator[Item]:
    page = read(None)
    yield from page.items
    while page.next_page_token is not None:
        page = read(page.next_page_token)
        yield from page.items


def _missing_model(workspace: str, model: str) -> UpstreamNotFound:
    return faults.make_missing(ModelNotFound, workspace, "model", model)


def _missing(workspace: str, model: str, version: int) -> UpstreamNotFound:
    return faults.make_missing(ModelVersionNotFound, workspace, "model version", f"{model} version {version}")


def _read_aliases(aliases: list[RegisteredModelAlias] | None) -> dict[str, int]:
    return {alias.alias_name: alias.version_num or 0 for alias in aliases or [] if alias.alias_name}


def _read_dependencies(stated: DependencyList | None) -> list[Dependency]:
    """Tables and functions alone: connections and credentials cannot be shared."""
    found = []
    for one in (stated.dependencies if stated else None) or []:
        if one.table:
            found.append(Dependency("table", one.table.table_full_name))
        if one.function:
            found.append(Dependency("function", one.function.function_full_name))
    return found


def _as_listed_model(item: dict[str, Any]) -> Model:
    return _as_model(RegisteredModelInfo.from_dict(item), None)


def _as_model(found: RegisteredModelInfo, aliases: dict[str, int] | None) -> Model:
    return Model(
        name=found.full_name or f"{found.catalog_name}.{found.schema_name}.{found.name}",
        owner=found.owner,
        comment=found.comment,
        aliases=aliases,
        created_at=as_time(found.created_at),
        updated_at=as_time(found.updated_at),
    )


def _as_listed_version(item: dict[str, Any]) -> ModelVersion:
    return _as_version(ModelVersionInfo.from_dict(item), None)


def _as_version(found: ModelVersionInfo, aliases: list[str] | None) -> ModelVersion:
    return ModelVersion(
        model=f"{found.catalog_name}.{found.schema_name}.{found.model_name}",
        version=int(found.version or 0),
        state=found.status.value if found.status else "UNKNOWN",
        aliases=aliases,
        comment=found.comment,
        run_id=found.run_id or None,
        source=found.source,
        created_by=found.created_by,
        created_at=as_time(found.created_at),
        id=found.id,
        dependencies=_read_dependencies(found.model_version_dependencies),
    )
