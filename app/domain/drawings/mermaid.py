"""A lineage as Mermaid: what GitHub, GitLab and many a portal draw from a block of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.domain.drawings import labels
from app.domain.drawings.crowds import gather
from app.domain.lineage_graphs import Graph

CLASSES = {
    "data": "fill:#e7f0fa,stroke:#3b73af,color:#16324f",
    "table": "fill:#e7f0fa,stroke:#3b73af,color:#16324f",
    "function": "fill:#e7f0fa,stroke:#3b73af,color:#16324f",
    "training_run": "fill:#efe9f9,stroke:#7452b0,color:#33214f",
    "model_version": "fill:#e6f4ec,stroke:#2e8b57,color:#123d25",
    "copy": "fill:#e6f4ec,stroke:#2e8b57,color:#123d25,stroke-dasharray:4 3",
    "owned_copy": "fill:#e6f4ec,stroke:#2e8b57,color:#123d25,stroke-width:2px",
    "share": "fill:#fdf3e0,stroke:#b7791f,color:#4a3109",
    "catalog": "fill:#fdf3e0,stroke:#b7791f,color:#4a3109",
    "endpoint": "fill:#fbe9ea,stroke:#b83a46,color:#4d141a",
    "scoring_run": "fill:#eef1f4,stroke:#5b6b7b,color:#222b33",
}


def draw(graph: Graph) -> str:
    """The flowchart, a subgraph for each workspace; names that mean something to Mermaid are harmless in it."""
    return "\n".join(_lines(gather(graph))) + "\n"


def _lines(graph: Graph) -> Iterator[str]:
    ids = {node_id: f"n{number}" for number, node_id in enumerate(graph.nodes)}
    yield "flowchart LR"
    for number, workspace in enumerate(dict.fromkeys(node.workspace for node in graph.nodes.values())):
        yield f'  subgraph w{number}["{_escape(workspace)}"]'
        for node in graph.nodes.values():
            if node.workspace == workspace:
                told = labels.make(node)
                words = "<br/>".join(_escape(part) for part in (told.kind, told.name, told.place, told.state) if part)
                shown = f":::{node.kind}" if node.kind in CLASSES else ""
                yield f'    {ids[node.id]}["{words}"]{shown}'
        yield "  end"
    for edge in graph.edges.values():
        yield f"  {ids[edge.from_id]} -->|{_escape(edge.kind.replace('_', ' '))}| {ids[edge.to_id]}"
    for kind, style in CLASSES.items():
        if any(node.kind == kind for node in graph.nodes.values()):
            yield f"  classDef {kind} {style}"


def _escape(text: str) -> str:
    """All but letters, digits and a few harmless signs as Mermaid's numbered entities."""
    return re.sub(r"[^\w .,:/@·…-]", lambda found: f"#{ord(found[0])};", text)
