"""A lineage as nodes and edges, whatever they stand for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Node:
    """A thing in the lineage; the same thing has the same id in every answer."""

    id: str
    kind: str
    workspace: str
    name: str
    record_id: str | None
    details: dict[str, Any]


@dataclass(frozen=True)
class Edge:
    """How one thing came out of another; from the data towards the predictions."""

    from_id: str
    to_id: str
    kind: str


@dataclass
class Graph:
    """What was found; adding a thing twice changes nothing. `complete` is False when there is more than is shown."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[tuple[str, str, str], Edge] = field(default_factory=dict)
    complete: bool = True

    def add(self, kind: str, workspace: str, name: str, record_id: str | None = None, **details: Any) -> str:
        """Add a node; of two with the same name the one that knows its record stays."""
        node = Node(f"{kind}:{workspace}:{name}", kind, workspace, name, record_id, details)
        known = self.nodes.get(node.id)
        if known is None or known.record_id is None:
            self.nodes[node.id] = node
        return node.id

    def chain(self, *steps: str) -> None:
        """Add edges along `id, kind, id, kind, id`."""
        for at in range(0, len(steps) - 2, 2):
            edge = Edge(steps[at], steps[at + 2], steps[at + 1])
            self.edges[edge.from_id, edge.to_id, edge.kind] = edge
