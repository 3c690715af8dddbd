"""Where does each node of a lineage stand? A lane for each workspace, and what comes of a thing to the right of it."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise

from app.domain.lineage_graphs import Edge, Graph

SWEEPS = 6
# What a line takes of a row where it passes between cards.
NARROW = 0.3
Cell = tuple[str, int]
"""A lane's column."""
Slot = tuple[str, int]
"""A node in its own column, or the bend by which lines from it pass a column further on."""
Ties = dict[Slot, set[Slot]]


@dataclass(frozen=True)
class Lane:
    """A workspace's part: from `row` on, `rows` of them."""

    workspace: str
    row: float
    rows: float


@dataclass(frozen=True)
class Layout:
    """Each node's column and row, both from 0, and the rows of bends; rows may be parts of one."""

    columns: int
    lanes: list[Lane]
    places: dict[str, tuple[int, float]]
    bends: dict[Slot, float]

    def list_bends(self, edge: Edge) -> list[Slot]:
        """Where the edge passes the columns between its ends; edges from one node go together as far as they can."""
        begin, end = self.places[edge.from_id][0], self.places[edge.to_id][0]
        return [(edge.from_id, column) for column in range(begin + 1, end)]


def lay_out(graph: Graph) -> Layout:
    """A place for every node, in time that grows with nodes, edges and their lengths; a circle does no harm."""
    edges = [edge for edge in graph.edges.values() if edge.from_id in graph.nodes and edge.to_id in graph.nodes]
    columns = _find_columns(graph, edges)
    before, after = defaultdict[Slot, set[Slot]](set), defaultdict[Slot, set[Slot]](set)
    slots = dict.fromkeys(sorted(columns.items(), key=lambda one: one[::-1]))
    for edge in edges:
        begin, end = columns[edge.from_id], columns[edge.to_id]
        way = [*((edge.from_id, column) for column in range(begin, max(end, begin + 1))), (edge.to_id, end)]
        for one, other in pairwise(way):
            after[one].add(other)
            before[other].add(one)
        slots |= dict.fromkeys(way)
    cells: dict[Cell, list[Slot]] = defaultdict(list)
    for slot in slots:
        cells[graph.nodes[slot[0]].workspace, slot[1]].append(slot)
    heights = {slot: 1.0 if slot[1] == columns[slot[0]] else NARROW for slot in slots}
    lanes = _make_lanes(cells, heights)
    rows = _place(cells, lanes, heights, before, after)
    places = {node_id: (column, rows[node_id, column]) for node_id, column in columns.items()}
    bends = {slot: row for slot, row in rows.items() if slot[1] != columns[slot[0]]}
    return Layout(max(columns.values(), default=-1) + 1, lanes, places, bends)


def _find_columns(graph: Graph, edges: list[Edge]) -> dict[str, int]:
    """The longest way from any beginning; what a circle holds stands where it is reached first.

    A beginning stands next to the first thing that comes of it.
    """
    before, after = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for edge in edges:
        before[edge.to_id].append(edge.from_id)
        after[edge.from_id].append(edge.to_id)
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
    for node_id in graph.nodes:
        if not before[node_id] and after[node_id]:
            columns[node_id] = min(columns[following] for following in after[node_id]) - 1
    return columns


def _make_lanes(cells: dict[Cell, list[Slot]], heights: dict[Slot, float]) -> list[Lane]:
    """The lanes from above, in the order in which the way comes by them, each as high as its fullest column."""
    rows: dict[str, float] = {}
    for (workspace, _), slots in sorted(cells.items(), key=lambda cell: (cell[0][1], cell[0][0])):
        rows[workspace] = max(rows.get(workspace, 0), sum(heights[slot] for slot in slots))
    lanes, row = [], 0.0
    for workspace, height in rows.items():
        lanes.append(Lane(workspace, row, height))
        row += height
    return lanes


def _place(
    cells: dict[Cell, list[Slot]], lanes: list[Lane], heights: dict[Slot, float], before: Ties, after: Ties
) -> dict[Slot, float]:
    """Rows within the cells: each as near as may be to the middle of what it is tied to."""
    lane_of = {lane.workspace: lane for lane in lanes}
    rows: dict[Slot, float] = {}

    def settle(cell: Cell) -> None:
        lane = lane_of[cell[0]]
        row = lane.row + (lane.rows - sum(heights[slot] for slot in cells[cell])) / 2
        for slot in cells[cell]:
            rows[slot] = row
            row += heights[slot]

    def find_middle(slot: Slot, ties: Ties) -> float:
        tied = [rows[other] + heights[other] / 2 for other in sorted(ties.get(slot, ()))]
        return sum(tied) / len(tied) if tied else rows[slot] + heights[slot] / 2

    for cell in cells:
        settle(cell)
    for sweep in range(SWEEPS):
        ties = (before, after)[sweep % 2]
        for cell in sorted(cells, key=lambda one: one[1], reverse=bool(sweep % 2)):
            middles = {slot: find_middle(slot, ties) for slot in cells[cell]}
            cells[cell].sort(key=lambda slot: (middles[slot], slot))
            settle(cell)
    return rows
