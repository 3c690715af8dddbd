"""Lineage: data, training run, version, copy, share, catalog, endpoint, from Causeway's own records."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field, JsonValue
from pydantic.json_schema import SkipJsonSchema

from app.domain import lineage
from app.errors import RequestInvalid, WorkspaceNotFound
from app.http.conventions.bodies import Response
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["lineage"])


class LineageNode(Response):
    """A thing in the lineage."""

    id: str
    """The same for the same thing in every answer."""
    kind: str = Field(examples=["model_version"])
    """`data`, `training_run`, `model_version`, `copy`, `share`, `catalog`, `endpoint`, `scoring_run`; more may come."""
    workspace: str
    name: str
    record_id: str | None
    """Causeway's own record of it; null where there is none."""
    details: dict[str, JsonValue]
    """What is worth showing beside the name, such as digest, metrics or state."""


class LineageEdge(Response):
    """How one thing came out of another."""

    from_id: str
    to_id: str
    kind: str = Field(examples=["copied_to"])
    """`read_by`, `registered`, `copied_to`, `shared_in`, `accepted_as`, `shows`, `served_by`, `scored_by`; others may
    come.
    """


class LineageGraph(Response):
    """A graph from the data towards the predictions."""

    nodes: list[LineageNode]
    edges: list[LineageEdge]


@router.get("/lineage", responses=problems(WorkspaceNotFound))
def get_lineage(
    caller: CurrentCaller,
    workspace: Annotated[str, Query(max_length=60, description="Where the model or the endpoint is.")],
    model: Annotated[str | SkipJsonSchema[None], Query(max_length=255, description="With `version`.")] = None,
    version: Annotated[int | SkipJsonSchema[None], Query(ge=1, le=2**31 - 1, description="With `model`.")] = None,
    endpoint: Annotated[str | SkipJsonSchema[None], Query(max_length=63, description="In place of a model.")] = None,
) -> LineageGraph:
    """All that a version came from and all that came of it, or all that an endpoint's present deployment came from."""
    if model is not None and version is not None and endpoint is None:
        found = lineage.of_version(caller, workspace, model, version)
    elif endpoint is not None and model is None and version is None:
        found = lineage.of_endpoint(caller, workspace, endpoint)
    else:
        place = {"pointer": "endpoint", "detail": "give model and version, or endpoint"}
        raise RequestInvalid(count=1, errors=[place])
    return LineageGraph(
        nodes=[LineageNode.model_validate(node) for node in found.nodes.values()],
        edges=[LineageEdge.model_validate(edge) for edge in found.edges.values()],
    )
