"""Where does each node of a lineage stand? A lane for each workspace, and what comes of a thing to the right of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from app.domain.lineage_graphs import Graph

SWEEPS = 6
Cell = tuple[str, int]


@dataclass(frozen=True)
class Lane:
    """A workspace's part: from `row` on, `rows` of them."""

    workspace: str
    row: int
    rows: int


@dataclass(frozen=True)
class Layout:
    """Each node's column and row, both from 0; a row may be half of one, so that few stand amid many."""

    columns: int
    lanes: list[Lane]
    places: dict[str, tuple[int, float]]


def lay_out(graph: Graph) -> Layout:
    """A place for every node, in time that grows with nodes and edges; a circle does no harm."""
    before: dict[str, list[str]] = defaultdict(list)
    after: dict[str, list[str]] = defaultdict(list)
    for edge in graph.edges.values():
        if edge.from_id in graph.nodes and edge.to_id in graph.nodes:
            before[edge.to_id].append(edge.from_id)
            after[edge.from_id].append(edge.to_id)
    columns = _find_columns(graph, before, after)
    cells: dict[Cell, list[str]] = defaultdict(list)
    for node_id in sorted(columns, key=lambda one: (columns[one], one)):
        cells[graph.nodes[node_id].workspace, columns[node_id]].append(node_id)
    lanes = _make_lanes(cells)
    places = _place(cells, lanes, before, after)
    return Layout(max(columns.values(), default=-1) + 1, lanes, places)


def _find_columns(graph: Graph, before: dict[str, list[str]], after: dict[str, list[str]]) -> dict[str, int]:
    """The longest way from any beginning; what a circle holds stands where it is reached first."""
    columns = dict.fromkeys((node_id for node_id in graph.nodes if not before[node_id]), 0)
    waiting = {node_id: len(before[node_id]) for node_id in graph.nodes}
    ahead = list(columns)
    while len(columns) < len(graph.nodes) or ahead:
        if not ahead:
            stuck = next(node_id for node_id in graph.nodes if waiting[node_id] > 0)
            waiting[stuck], columns[stuck] = 0, columns.get(stuck, 0)
            ahead.append(stuck)
        node_id = ahead.pop()
        for following in after[node_id]:
            if waiting[following] > 0:
                columns[following] = max(columns.get(following, 0), columns[node_id] + 1)
                waiting[following] -= 1
                if waiting[following] == 0:
                    ahead.append(following)
    return columns


def _make_lanes(cells: dict[Cell, list[str]]) -> list[Lane]:
    """The lanes from above, in the order in which the way comes by them, each as high as its fullest column."""
    rows: dict[str, int] = {}
    for (workspace, _), nodes in sorted(cells.items(), key=lambda cell: (cell[0][1], cell[0][0])):
        rows[workspace] = max(rows.get(workspace, 0), len(nodes))
    lanes, row = [], 0
    for workspace, height in rows.items():
        lanes.append(Lane(workspace, row, height))
        row += height
    return lanes


def _place(
    cells: dict[Cell, list[str]], lanes: list[Lane], before: dict[str, list[str]], after: dict[str, list[str]]
) -> dict[str, tuple[int, float]]:
    """Rows within the cells: each node as near as may be to the middle of what it is tied to."""
    lane_of = {lane.workspace: lane for lane in lanes}
    rows: dict[str, float] = {}

    def settle(cell: Cell) -> None:
        lane = lane_of[cell[0]]
        first = lane.row + (lane.rows - len(cells[cell])) / 2
        rows.update({node_id: first + at for at, node_id in enumerate(cells[cell])})

    for cell in cells:
        settle(cell)
    for sweep in range(SWEEPS):
        tied = (before, after)[sweep % 2]
        for cell in sorted(cells, key=lambda one: one[1], reverse=bool(sweep % 2)):
            middle = {one: _mean([rows[other] for other in tied[one]], rows[one]) for one in cells[cell]}
            cells[cell].sort(key=lambda one: (middle[one], one))
            settle(cell)
    return {node_id: (column, rows[node_id]) for (_, column), nodes in cells.items() for node_id in nodes}


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
