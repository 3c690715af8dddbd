"""How is a lineage of hundreds of things looked at? Those that stand alike in it are one, with their number."""

from __future__ import annotations

from collections import defaultdict

from app.domain.drawings import labels
from app.domain.lineage_graphs import Graph, Node

FEW = 4
Tie = tuple[str, str, bool]
"""Another node, the edge's kind, and whether that node comes before."""


def gather(graph: Graph) -> Graph:
    """The same to be looked at, where more than a `FEW` that came from alike, and led to alike, are one node."""
    groups = _find_groups(graph)
    members: dict[int, list[Node]] = defaultdict(list)
    for node in graph.nodes.values():
        members[groups[node.id]].append(node)
    made, drawn_as = Graph(complete=graph.complete), dict[str, str]()
    for number, nodes in members.items():
        shown = nodes if len(nodes) <= FEW else [_make_crowd(number, nodes)]
        made.nodes |= {node.id: node for node in shown}
        drawn_as |= {node.id: shown[0].id if len(nodes) > FEW else node.id for node in nodes}
    for edge in graph.edges.values():
        from_id, to_id = drawn_as[edge.from_id], drawn_as[edge.to_id]
        if from_id != to_id:
            made.chain(from_id, edge.kind, to_id)
    return made


def _make_crowd(number: int, nodes: list[Node]) -> Node:
    one = nodes[0]
    return Node(f"crowd:{number}", one.kind, one.workspace, f"{len(nodes)} {labels.name_many(one.kind)}", None, {})


def _find_groups(graph: Graph) -> dict[str, int]:
    """The coarsest groups of a kind, a workspace and a state whose members are tied to members of the same groups.

    They are split until that holds. The largest part of a group keeps its number, so that a long way is no long work.
    """
    ties: dict[str, list[Tie]] = {node_id: [] for node_id in graph.nodes}
    for edge in graph.edges.values():
        ties[edge.to_id].append((edge.from_id, edge.kind, True))
        ties[edge.from_id].append((edge.to_id, edge.kind, False))
    groups = dict.fromkeys(graph.nodes, 0)
    members: list[set[str]] = [set(graph.nodes)]
    looks: dict[str, object] = {
        node.id: (node.kind, node.workspace, node.details.get("state")) for node in graph.nodes.values()
    }
    _split(groups, members, looks)
    affected = set(graph.nodes)
    while affected:
        told: dict[str, object] = {
            one: frozenset((groups[other], *how) for other, *how in ties[one]) for one in affected
        }
        moved = _split(groups, members, told)
        affected = {other for one in moved for other, *_ in ties[one]}
    return groups


def _split(groups: dict[str, int], members: list[set[str]], told: dict[str, object]) -> list[str]:
    """Part those of a group that tell different things of themselves; answers who has a new group then.

    Who tells nothing is as before, and unlike all who do.
    """
    parts: dict[int, dict[object, set[str]]] = defaultdict(lambda: defaultdict(set))
    for one, what in told.items():
        parts[groups[one]][what].add(one)
    moved: list[str] = []
    for group, by_word in parts.items():
        silent = members[group].difference(*by_word.values())
        for part in sorted([silent, *by_word.values()], key=len)[:-1]:
            if part:
                members[group] -= part
                members.append(part)
                groups |= dict.fromkeys(part, len(members) - 1)
                moved += part
    return moved
