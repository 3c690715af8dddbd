"""Lineage: where a version, an endpoint, a file came from, and what has come of it, from Causeway's own records."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi import Response as Answer
from pydantic import Field, JsonValue
from pydantic.json_schema import SkipJsonSchema

from app.domain import lineage
from app.domain.drawings import mermaid, svg
from app.domain.lineage import Start
from app.domain.lineage_graphs import Graph
from app.errors import RecordNotFound, RequestInvalid, WorkspaceNotFound
from app.http.conventions.bodies import Response
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["lineage"])
# The picture comes from names that others chose: they are escaped, and whatever got through would still be dead.
LIFELESS = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'", "Vary": "Authorization"}


class Direction(StrEnum):
    """`upstream` is what it came from, `downstream` what came of it."""

    UPSTREAM = lineage.UPSTREAM
    DOWNSTREAM = lineage.DOWNSTREAM
    BOTH = lineage.BOTH


class LineageNode(Response):
    """A thing in the lineage."""

    id: str
    """The same for the same thing in every answer."""
    kind: str = Field(examples=["model_version"])
    """`data`, `table`, `function`, `training_run`, `model_version`, `copy` (vetted, in a share), `owned_copy` (the
    consumer's), `share`, `catalog`, `endpoint`, `scoring_run`; more may come.
    """
    workspace: str
    """Where it is; of a partner's share, the partner's sharing identifier."""
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
    """`read_by`, `registered`, `needed_by`, `copied_to`, `shared_in`, `accepted_as`, `shows`, `served_by`, `scored_by`;
    others may come.
    """


class LineageGraph(Response):
    """A graph from the data towards the predictions."""

    nodes: list[LineageNode]
    edges: list[LineageEdge]
    complete: bool
    """False when a version has been scored more often than is shown: then the latest runs are."""


Text = str | SkipJsonSchema[None]


def read_start(
    workspace: Annotated[
        Text, Query(max_length=60, description="Where it is; not for a publication or a digest.")
    ] = None,
    model: Annotated[Text, Query(max_length=255, description="A model, with `version`.")] = None,
    version: Annotated[int | SkipJsonSchema[None], Query(ge=1, le=2**31 - 1, description="With `model`.")] = None,
    table: Annotated[Text, Query(max_length=255, description="A table or function that is shared.")] = None,
    endpoint: Annotated[Text, Query(max_length=63, description="An endpoint: what it serves now.")] = None,
    catalog: Annotated[Text, Query(max_length=255, description="A consumer's catalog: all that it shows.")] = None,
    data: Annotated[Text, Query(max_length=1000, description="A file: all that was trained on it.")] = None,
    publication: Annotated[Text, Query(max_length=60, description="A publication's id: what it shows.")] = None,
    digest: Annotated[Text, Query(max_length=100, description="Every version of these bytes.")] = None,
) -> Start:
    """The one thing whose lineage is asked for; raises `RequestInvalid` when it is none, or several."""
    here = [model, table, endpoint, catalog, data]
    anywhere = [publication, digest]
    named = [one for one in (*here, *anywhere) if one is not None]
    fits = (workspace is not None) == any(one is not None for one in here) and (model is None) == (version is None)
    if len(named) != 1 or not fits:
        wanted = "give workspace with model and version, table, endpoint, catalog or data; or publication; or digest"
        raise RequestInvalid(count=1, errors=[{"pointer": "model", "detail": wanted}])
    return Start(workspace or "", model, version, table, endpoint, catalog, data, publication, digest)


def trace(
    caller: CurrentCaller,
    start: Annotated[Start, Depends(read_start)],
    direction: Annotated[Direction, Query(description="Which way to go from there.")] = Direction.BOTH,
) -> Graph:
    """The graph that a request asks for."""
    return lineage.trace(caller, start, direction)


Traced = Annotated[Graph, Depends(trace)]


@router.get("/lineage", responses=problems(RecordNotFound, WorkspaceNotFound))
def get_lineage(found: Traced) -> LineageGraph:
    """All that a thing came from, and all that came of it: its origin, and the impact of what happens to it."""
    return LineageGraph(
        nodes=[LineageNode.model_validate(node) for node in found.nodes.values()],
        edges=[LineageEdge.model_validate(edge) for edge in found.edges.values()],
        complete=found.complete,
    )


@router.get(
    "/lineage/mermaid",
    response_class=Answer,
    responses={
        **problems(RecordNotFound, WorkspaceNotFound),
        200: {"content": {"text/vnd.mermaid": {"schema": {"type": "string"}}}, "description": "A Mermaid flowchart."},
    },
)
def get_lineage_mermaid(found: Traced) -> Answer:
    """The same as a Mermaid flowchart, for a block of Markdown."""
    return Answer(mermaid.draw(found), media_type="text/vnd.mermaid", headers=LIFELESS)


@router.get(
    "/lineage/picture",
    response_class=Answer,
    responses={
        **problems(RecordNotFound, WorkspaceNotFound),
        200: {"content": {"image/svg+xml": {"schema": {"type": "string"}}}, "description": "A picture."},
    },
)
def get_lineage_picture(found: Traced, start: Annotated[Start, Depends(read_start)]) -> Answer:
    """The same as a picture: SVG, a lane for each workspace, to be read in the light and in the dark."""
    return Answer(svg.draw(found, _tell(start)), media_type="image/svg+xml", headers=LIFELESS)


def _tell(start: Start) -> str:
    thing = start.table or start.endpoint or start.catalog or start.data or start.publication or start.digest
    name = thing or f"{start.model} version {start.version}"
    return f"Lineage of {name}{f' in {start.workspace}' if start.workspace else ''}"
