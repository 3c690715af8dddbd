"""Models of a workspace's registry as they are now: versions with their aliases, signatures and metrics."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from app.domain import models
from app.domain.models import Version
from app.errors import ModelNotFound, ModelVersionNotFound, PageTokenInvalid, WorkspaceNotFound
from app.http.conventions import pages
from app.http.conventions.bodies import Response, Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.live import look
from app.http.conventions.pages import PageBody, PageSize, PageToken
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1/workspaces/{workspace:id}/models", tags=["models"])
Schema = Annotated[
    str, Query(pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$", max_length=255, description="`catalog.schema`.")
]


class ModelSummary(Response):
    """A registered model as the platform's list tells of it."""

    name: str
    owner: str | None
    comment: str | None
    created_at: Time | None
    updated_at: Time | None


class ModelBody(ModelSummary):
    """A registered model with its aliases."""

    aliases: dict[str, int]
    """The version that each alias points to now."""


class ModelVersionSummary(Response):
    """A version with its aliases."""

    model: str
    version: int
    state: str
    """The platform's word; `READY` when it can be used."""
    aliases: list[str]
    """The aliases that point to it now: asked for, never guessed empty."""
    comment: str | None
    run_id: str | None
    """The MLflow run that made it."""
    created_by: str | None
    created_at: Time | None


class SignatureColumn(Response):
    """One input or output."""

    name: str | None
    """Null where the signature goes by position."""
    type: str
    required: bool


class ModelSignature(Response):
    """What the model takes and gives."""

    inputs: list[SignatureColumn]
    outputs: list[SignatureColumn]


class ModelVersionBody(ModelVersionSummary):
    """A version, and what it says of itself."""

    signature: ModelSignature | None
    """Null when it has none."""
    flavours: list[str]
    """How it can be loaded, by MLflow's names."""
    requirements: list[str]
    """The packages it needs, as it states them."""
    metrics: dict[str, float] | None
    """Of the run that made it; null when Causeway cannot read that run, as in a consumer's workspace."""


class ModelPage(PageBody):
    """Models of one schema, in the platform's order."""

    items: list[ModelSummary]


class ModelVersionPage(PageBody):
    """Versions of one model, in no order."""

    items: list[ModelVersionSummary]


@router.get("", responses=problems(ModelNotFound, PageTokenInvalid, WorkspaceNotFound))
async def list_models(
    workspace: str, caller: CurrentCaller, schema: Schema, page_size: PageSize = 50, page_token: PageToken = None
) -> ModelPage:
    """The schema's models that the caller's projects declare or publish."""
    filters = {"workspace": workspace, "schema": schema}
    after = pages.decode(page_token, "models", filters)
    page = await look(workspace, "listing models", models.list_page, caller, workspace, schema, page_size, after)
    items = [ModelSummary.model_validate(model) for model in page.items]
    return ModelPage(items=items, next_page_token=pages.encode(page.next_page_token, "models", filters))


@router.get("/{model:id}", responses=problems(ModelNotFound, WorkspaceNotFound))
async def get_model(workspace: str, model: str, caller: CurrentCaller) -> ModelBody:
    """The model with its aliases."""
    return ModelBody.model_validate(await look(workspace, "reading the model", models.get, caller, workspace, model))


@router.get("/{model:id}/versions", responses=problems(ModelNotFound, PageTokenInvalid, WorkspaceNotFound))
async def list_model_versions(
    workspace: str, model: str, caller: CurrentCaller, page_size: PageSize = 50, page_token: PageToken = None
) -> ModelVersionPage:
    """The model's versions with their aliases."""
    filters = {"workspace": workspace, "model": model}
    after = pages.decode(page_token, "model-versions", filters)
    page = await look(workspace, "listing versions", models.list_versions, caller, workspace, model, page_size, after)
    items = [ModelVersionSummary.model_validate(version) for version in page.items]
    return ModelVersionPage(items=items, next_page_token=pages.encode(page.next_page_token, "model-versions", filters))


@router.get("/{model:id}/versions/{version:id}", responses=problems(ModelVersionNotFound, WorkspaceNotFound))
async def get_model_version(
    workspace: str, model: str, version: Annotated[int, Path(ge=1, le=2**31 - 1)], caller: CurrentCaller
) -> ModelVersionBody:
    """The version: state, aliases, signature, requirements, and the metrics of its run."""
    return _render(await look(workspace, "reading the version", models.get_version, caller, workspace, model, version))


def _render(found: Version) -> ModelVersionBody:
    stated = found.description
    return ModelVersionBody(
        **ModelVersionSummary.model_validate(found.version).model_dump(),
        signature=ModelSignature.model_validate(stated) if stated and stated.has_signature else None,
        flavours=stated.flavours if stated else [],
        requirements=found.requirements,
        metrics=found.metrics,
    )
