"""A lineage as a picture: one SVG without anything from elsewhere, to be read in the light and in the dark."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from app.domain.drawings import labels
from app.domain.drawings.crowds import gather
from app.domain.drawings.layout import NARROW, Layout, Slot, lay_out
from app.domain.lineage_graphs import Edge, Graph, Node

WIDTH, HEIGHT, GAP_X, GAP_Y = 224, 62, 60, 18
MARGIN, HEAD, LANE_GAP, LANE_HEAD, LANE_FOOT, FOOT = 24, 40, 16, 34, 16, 34
NAME_LENGTH, PLACE_LENGTH = 24, 31
GONE = {"withdrawn", "given back"}
COLOURS = {
    "data": ("#3b73af", "#7db3ec"),
    "table": ("#3b73af", "#7db3ec"),
    "function": ("#3b73af", "#7db3ec"),
    "training_run": ("#7452b0", "#b69cea"),
    "model_version": ("#2e8b57", "#68cf96"),
    "copy": ("#1f8a8a", "#5fcfcf"),
    "owned_copy": ("#2e8b57", "#68cf96"),
    "share": ("#b7791f", "#e6b566"),
    "catalog": ("#96680f", "#d9c074"),
    "endpoint": ("#b83a46", "#f0848e"),
    "scoring_run": ("#5b6b7b", "#a3b4c5"),
    "other": ("#5b6b7b", "#a3b4c5"),
}
STYLE = """
  .paper{fill:#fbfcfd} text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
  text{font-size:10.5px;fill:#64727f} .title{font-size:15px} .lane-name,.name{font-size:13px} .kind{font-size:10px}
  .title,.lane-name,.name,.kind{font-weight:600} .title,.name{fill:#1d2730} .lane-name{fill:#3d4a57}
  .kind{letter-spacing:.04em} .lane{fill:#f1f4f7;stroke:#dfe5ea} .card{fill:#fff;stroke:#ccd5dd} .tip{fill:#9aa8b5}
  .edge{fill:none;stroke:#9aa8b5;stroke-width:1.5} .gone .card{stroke-dasharray:4 3} .gone .name{fill:#7d8a96}
"""
DARK = """
  .paper{fill:#12171c} text{fill:#93a1ae} .title,.name{fill:#e8eef3} .lane-name{fill:#b9c5d0}
  .lane{fill:#1a2128;stroke:#2a343d} .card{fill:#222b34;stroke:#3a4651} .gone .name{fill:#84919d}
  .edge{stroke:#5f6d7a} .tip{fill:#5f6d7a}
"""
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
    '<path class="tip" d="M0 0 8 4 0 8z"/></marker></defs>'
)


def draw(graph: Graph, title: str) -> str:
    """The picture. Every word in it is escaped; many things that stand alike are drawn as one."""
    shown = gather(graph)
    layout = lay_out(shown)
    width = 2 * MARGIN + max(layout.columns, 1) * (WIDTH + GAP_X)
    height = _top(layout, len(layout.lanes)) - LANE_GAP + FOOT
    size, name = f'width="{width}" height="{height:g}" viewBox="0 0 {width} {height:g}"', escape(title)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{name}"><title>{name}</title>',
        f"<style>{''.join(_list_rules())}</style>{TIP}<rect class='paper' width='100%' height='100%'/>",
        f'<text class="title" x="{MARGIN}" y="{HEAD - 10}">{escape(_shorten(title, width // 9))}</text>',
        *(_draw_lane(layout, at, width) for at in range(len(layout.lanes))),
        *(_draw_edge(shown, layout, edge) for edge in shown.edges.values()),
        *(_draw_node(shown, layout, node) for node in shown.nodes.values()),
        f'<text x="{MARGIN}" y="{height - 12:g}">{_tell(graph)}</text></svg>',
    ]
    return "\n".join(parts) + "\n"


def _list_rules() -> Iterator[str]:
    yield STYLE + "".join(f".{kind} .kind,.{kind} .bar{{fill:{light}}}" for kind, (light, _) in COLOURS.items())
    dark = DARK + "".join(f".{kind} .kind,.{kind} .bar{{fill:{shade}}}" for kind, (_, shade) in COLOURS.items())
    yield f"\n@media (prefers-color-scheme:dark){{{dark}}}"


def _draw_lane(layout: Layout, at: int, width: int) -> str:
    lane, top = layout.lanes[at], _top(layout, at)
    high = _top(layout, at + 1) - top - LANE_GAP
    return (
        f'<rect class="lane" x="{MARGIN / 2:g}" y="{top:g}" width="{width - MARGIN}" height="{high:g}" rx="10"/>'
        f'<text class="lane-name" x="{MARGIN + 6}" y="{top + 22:g}">{escape(lane.workspace)}</text>'
    )


def _draw_edge(graph: Graph, layout: Layout, edge: Edge) -> str:
    (from_x, from_y), (to_x, to_y) = (_place(graph, layout, one) for one in (edge.from_id, edge.to_id))
    way = f"M{from_x + WIDTH:g} {from_y + HEIGHT / 2:g}"
    x, y = from_x + WIDTH, from_y + HEIGHT / 2
    for bend in layout.list_bends(edge):
        left, middle = _find_bend(graph, layout, bend)
        way += f"{_curve(x, y, left, middle)}H{left + WIDTH:g}"
        x, y = left + WIDTH, middle
    way += _curve(x, y, to_x - 2, to_y + HEIGHT / 2)
    told = escape(edge.kind.replace("_", " "))
    return f'<path class="edge" marker-end="url(#tip)" d="{way}"><title>{told}</title></path>'


def _curve(x: float, y: float, to_x: float, to_y: float) -> str:
    bend = GAP_X * 0.55
    return f"C{x + bend:g} {y:g} {to_x - bend:g} {to_y:g} {to_x:g} {to_y:g}"


def _draw_node(graph: Graph, layout: Layout, node: Node) -> str:
    x, y = _place(graph, layout, node.id)
    told = labels.make(node)
    kind = node.kind if node.kind in COLOURS else "other"
    gone = " gone" if told.state in GONE else ""
    return (
        f'<g class="{kind}{gone}" transform="translate({x:g} {y:g})"><title>{escape(node.name)}</title>'
        f'<rect class="card" width="{WIDTH}" height="{HEIGHT}" rx="7"/>'
        f'<rect class="bar" width="5" height="{HEIGHT - 14}" x="6" y="7" rx="2.5"/>'
        f'<text class="kind" x="19" y="18">{escape(told.kind.upper())}</text>'
        f'<text x="{WIDTH - 10}" y="18" text-anchor="end">{escape(told.state)}</text>'
        f'<text class="name" x="19" y="36">{escape(_shorten(told.name, NAME_LENGTH))}</text>'
        f'<text x="19" y="52">{escape(_shorten(told.place, PLACE_LENGTH))}</text></g>'
    )


def _tell(graph: Graph) -> str:
    counted = f"{len(graph.nodes)} things, {len(graph.edges)} steps between them, from Causeway\u2019s records."
    return counted if graph.complete else f"{counted} Only the latest scoring runs are shown."


def _shorten(text: str, length: int) -> str:
    """The end tells more than the beginning."""
    return text if len(text) <= length else f"…{text[-length + 1 :]}"


def _place(graph: Graph, layout: Layout, node_id: str) -> tuple[float, float]:
    """The upper left corner of a node's card."""
    column, row = layout.places[node_id]
    return _find_x(column), _find_y(graph, layout, node_id, row)


def _find_bend(graph: Graph, layout: Layout, bend: Slot) -> tuple[float, float]:
    """Where a line comes into a column between its ends; it leaves it at the same height."""
    narrow = NARROW * (HEIGHT + GAP_Y) - GAP_Y
    return _find_x(bend[1]), _find_y(graph, layout, bend[0], layout.bends[bend]) + narrow / 2


def _find_x(column: int) -> float:
    return MARGIN + GAP_X / 2 + column * (WIDTH + GAP_X)


def _find_y(graph: Graph, layout: Layout, node_id: str, row: float) -> float:
    at = next(at for at, lane in enumerate(layout.lanes) if lane.workspace == graph.nodes[node_id].workspace)
    return _top(layout, at) + LANE_HEAD + (row - layout.lanes[at].row) * (HEIGHT + GAP_Y)


def _top(layout: Layout, at: int) -> float:
    """Where the lane begins; of the one behind the last, where they end."""
    above = layout.lanes[:at]
    return HEAD + sum(LANE_HEAD + lane.rows * (HEIGHT + GAP_Y) - GAP_Y + LANE_FOOT + LANE_GAP for lane in above)
