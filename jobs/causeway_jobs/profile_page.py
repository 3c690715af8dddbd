"""The profile as one HTML page for people: no script, no external resource, every value escaped."""

import io
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

INK, QUIET, ACCENT, WARM = "#1f2a37", "#8593a5", "#2f6fed", "#e07a2f"
# Plots are drawn for the first columns of a wide table only: a page of a thousand plots helps nobody.
MOST_PLOTS = 60

STYLE = """
:root { color-scheme: light; --ink: #1f2a37; --quiet: #66758a; --line: #e3e8ef; --paper: #fff; --wash: #f5f7fa }
* { box-sizing: border-box }
body { margin: 0; background: var(--wash); color: var(--ink); font: 15px/1.5 system-ui, sans-serif }
main { max-width: 1120px; margin: 0 auto; padding: 32px 20px 64px }
h1 { font-size: 26px; margin: 0 0 4px }
h2 { font-size: 18px; margin: 36px 0 12px }
h3 { font-size: 15px; margin: 0 }
.quiet { color: var(--quiet) }
.tiles { display: flex; flex-wrap: wrap; gap: 12px; margin: 20px 0 }
.tile, .card { background: var(--paper); border: 1px solid var(--line); border-radius: 10px }
.tile { padding: 12px 18px; min-width: 130px }
.tile b { display: block; font-size: 22px; font-variant-numeric: tabular-nums }
.warning { background: #fff4ea; border: 1px solid #f3cfae; border-radius: 10px; color: #9a4b10; padding: 12px 18px }
.warning ul { margin: 6px 0 0; padding-left: 20px }
.card { padding: 14px 16px }
.card p { margin: 2px 0 8px; font-size: 13px }
.card svg { width: 100%; height: auto; display: block }
.wide { overflow-x: auto }
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 14px }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums }
th, td { padding: 7px 10px; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th { color: var(--quiet); font-weight: 600; font-size: 13px }
td:first-child, th:first-child, td:nth-child(2), th:nth-child(2) { text-align: left }
.mark { color: #2f6fed }
"""


def render(profile: dict[str, Any], source: str) -> str:
    """The whole page for a profile made by `profile.describe`; `source` says which file it is of."""
    columns = profile["columns"]
    parts = [
        f"<h1>{escape(source.rsplit('/', 1)[-1])}</h1><p class=quiet>{escape(source)}</p>",
        _tiles(profile),
        _warnings(profile),
        "<h2>Columns</h2>",
        _table(columns, profile["target"]),
        _correlations(columns, profile["target"]),
        "<h2>Distributions</h2><p class=quiet>The orange line is the median.</p><div class=grid>",
        *(_card(column, profile) for column in columns[:MOST_PLOTS]),
        "</div>",
    ]
    title = escape(f"Profile of {source.rsplit('/', 1)[-1]}")
    head = f"<meta charset=utf-8><meta name=viewport content='width=device-width'><title>{title}</title>"
    body = "".join(parts)
    return (
        f"<!doctype html><html lang=en><head>{head}<style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    )


def _tiles(profile: dict[str, Any]) -> str:
    columns = profile["columns"]
    cells = profile["rows"] * len(columns)
    missing = sum(column["missing"] for column in columns)
    tiles = [
        ("rows", f"{profile['rows']:,}"),
        ("columns", f"{len(columns):,}"),
        ("target", escape(profile["target"])),
        ("cells missing", f"{missing / cells:.1%}"),
        ("rows repeated", f"{profile['duplicate_rows']:,}"),
    ]
    return "<div class=tiles>" + "".join(f"<div class=tile><b>{v}</b>{k}</div>" for k, v in tiles) + "</div>"


def _warnings(profile: dict[str, Any]) -> str:
    suspects = profile["leakage_suspects"]
    if not suspects:
        return ""
    lines = []
    for suspect in suspects:
        names = " + ".join(f"<b>{escape(name)}</b>" for name in suspect["columns"])
        handled = "excluded by request" if suspect["excluded"] else "not excluded: check before you trust a metric"
        lines.append(f"<li>{names}: {escape(suspect['reason'])} ({handled})</li>")
    return f"<div class=warning>Columns that may give the target away<ul>{''.join(lines)}</ul></div>"


def _table(columns: list[dict[str, Any]], target: str) -> str:
    heads = ["column", "kind", "missing", "distinct", "minimum", "median", "mean", "maximum", "outliers", "with target"]
    rows = []
    for column in columns:
        statistics = column.get("statistics") or {}
        mark = " <span class=mark>target</span>" if column["name"] == target else ""
        figures = [statistics.get(name) for name in ("minimum", "median", "mean", "maximum")]
        cells = [
            f"{escape(column['name'])}{mark}",
            column["kind"],
            f"{column['missing']:,}",
            f"{column['distinct']:,}",
            *(_number(figure) for figure in figures),
            f"{column['outliers']:,}" if "outliers" in column else "",
            _number(column.get("correlation_with_target")),
        ]
        rows.append("<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>")
    head = "".join(f"<th>{name}</th>" for name in heads)
    return f"<div class='card wide'><table><tr>{head}</tr>{''.join(rows)}</table></div>"


def _correlations(columns: list[dict[str, Any]], target: str) -> str:
    known = [
        (column["name"], column["correlation_with_target"])
        for column in columns
        if column.get("correlation_with_target") is not None and column["name"] != target
    ]
    if not known:
        return ""
    strongest = sorted(known, key=lambda pair: abs(pair[1]))[-MOST_PLOTS:]
    figure, axes = _figure(height=0.6 + 0.24 * len(strongest), width=8.4)
    values = [value for _, value in strongest]
    axes.barh(range(len(values)), values, color=[ACCENT if v >= 0 else WARM for v in values], height=0.7)
    axes.set_yticks(range(len(values)), [_plain(name) for name, _ in strongest])
    axes.set_xlim(-1, 1)
    axes.axvline(0, color=QUIET, linewidth=0.8)
    svg = _svg(figure, "correlations")
    return f"<h2>Correlation with {escape(target)}</h2><div class=card>{svg}</div>"


def _card(column: dict[str, Any], profile: dict[str, Any]) -> str:
    note = f"{column['kind']}, {column['distinct']:,} distinct, {column['missing'] / profile['rows']:.1%} missing"
    plot = _distribution(column) or "<p class=quiet>nothing to draw</p>"
    return f"<div class=card><h3>{escape(column['name'])}</h3><p class=quiet>{note}</p>{plot}</div>"


def _distribution(column: dict[str, Any]) -> str:
    histogram, top = column.get("histogram"), column.get("top_values")
    if histogram:
        figure, axes = _figure(height=1.7, width=4.2)
        edges = np.array(histogram["edges"])
        axes.bar(edges[:-1], histogram["counts"], width=np.diff(edges) * 0.92, align="edge", color=ACCENT)
        axes.axvline(column["statistics"]["median"], color=WARM, linewidth=1.2)
    elif top:
        figure, axes = _figure(height=0.5 + 0.2 * len(top), width=4.2)
        values = top[::-1]
        axes.barh(range(len(values)), [value["count"] for value in values], color=ACCENT, height=0.7)
        axes.set_yticks(range(len(values)), [_plain(value["value"]) for value in values])
    else:
        return ""
    return _svg(figure, column["name"])


def _figure(height: float, width: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.tick_params(colors=INK, labelsize=8, length=2)
    axes.locator_params(axis="x", nbins=6)
    return figure, axes


def _svg(figure: Figure, name: str) -> str:
    """The drawing as an inline element; ids are salted by the name, for a page holds many drawings."""
    stream = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif"}):
        figure.savefig(
            stream, format="svg", transparent=True, metadata=dict.fromkeys(["Date", "Creator", "Format", "Type"])
        )
    drawing = stream.getvalue()
    return drawing[drawing.index("<svg") :]


def _plain(label: str) -> str:
    """A label short enough for an axis; a dollar sign would make matplotlib read it as a formula."""
    shortened = label if len(label) <= 24 else label[:23] + "…"
    return shortened.replace("$", r"\$")


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4g}"
