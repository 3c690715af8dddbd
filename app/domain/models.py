"""Registered models and their versions as they are now: those that the caller's projects declare or publish."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace

from app import configuration
from app.configuration import share_name
from app.domain import access, filled_pages
from app.domain.access import READ, Caller, Name
from app.errors import DataNotFound, WorkspaceRefused
from app.workspaces import model_files, models
from app.workspaces.model_files import Description
from app.workspaces.models import Model as Model
from app.workspaces.models import ModelVersion as ModelVersion
from app.workspaces.pages import Page


@dataclass(frozen=True)
class Version:
    """A version and what it says of itself; what the platform did not tell is None."""

    version: ModelVersion
    description: Description | None
    requirements: list[str]
    metrics: dict[str, float] | None


def check_visible(caller: Caller, name: Name) -> None:
    """A model or schema that a project of the caller declares, or publishes; raises `NotInProject`."""
    access.get_workspace(caller, name.workspace)
    if not _is_shareable(caller, name.workspace, name.name):
        access.check_live(caller, READ, name)


def is_shareable(project: str, workspace: str, name: str) -> bool:
    """Whether it is a schema of vetted copies of the project, or in one: theirs to see, never to name."""
    known = configuration.current()
    catalog = known.workspaces[workspace].shareable_catalog
    schemas = {f"{catalog}.{share_name(project, audience)}" for audience in known.projects[project].audiences}
    return catalog is not None and ".".join(name.split(".")[:2]) in schemas


def list_page(caller: Caller, workspace: str, schema: str, size: int, token: str | None) -> Page[Model]:
    """A page of the schema's models that are the caller's projects', without aliases."""
    check_visible(caller, Name("schema", workspace, schema))

    def get_page(at: str | None) -> Page[Model]:
        page = models.list_models(workspace, schema, page_size=size, page_token=at)
        return Page([model for model in page.items if _is_ours(caller, workspace, model.name)], page.next_page_token)

    return filled_pages.read(get_page, token)


def get(caller: Caller, workspace: str, model: str) -> Model:
    """The model with its aliases; raises `NotInProject` or `ModelNotFound`."""
    check_visible(caller, Name("model", workspace, model))
    return models.get_model(workspace, model)


def list_versions(caller: Caller, workspace: str, model: str, size: int, token: str | None) -> Page[ModelVersion]:
    """A page of the model's versions, in no order, with their aliases: those are asked of the model, in a second call.

    The platform's own list leaves aliases out, and reads as if there were none [SDK].
    """
    check_visible(caller, Name("model", workspace, model))
    page = filled_pages.read(lambda at: models.list_versions(workspace, model, page_size=size, page_token=at), token)
    aliases = models.get_model(workspace, model).aliases or {}
    items = [
        replace(item, aliases=sorted(alias for alias, version in aliases.items() if version == item.version))
        for item in page.items
    ]
    return Page(items, page.next_page_token)


def get_version(caller: Caller, workspace: str, model: str, version: int) -> Version:
    """The version with its aliases, signature and requirements, and the metrics of its run where they can be read."""
    check_visible(caller, Name("model", workspace, model))
    found = models.get_version(workspace, model, version)
    description, requirements, metrics = None, [], None
    with suppress(DataNotFound):
        description = model_files.get_description(workspace, model, version)
        requirements = model_files.list_requirements(workspace, model, version)
    if found.run_id:
        # Runs belong to whoever trained, and a shared model's are in the provider's workspace.
        with suppress(WorkspaceRefused):
            metrics = models.find_metrics(workspace, found.run_id)
    return Version(found, description, requirements, metrics)


def _is_ours(caller: Caller, workspace: str, model: str) -> bool:
    declared = any(
        access.declares(project, Name("model", workspace, model)) for project in access.list_projects(caller)
    )
    return declared or _is_shareable(caller, workspace, model)


def _is_shareable(caller: Caller, workspace: str, name: str) -> bool:
    return any(is_shareable(project, workspace, name) for project in access.list_projects(caller))
