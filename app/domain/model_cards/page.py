"""The model card as one page of HTML without anything from elsewhere: for the light, for the dark, for paper."""

from __future__ import annotations

import base64
from html import escape

from markdown_it import MarkdownIt

from app.domain.drawings import svg
from app.domain.model_cards import Card, markdown, trace

STYLE = """
:root{color-scheme:light dark;--ink:#1d2730;--soft:#5c6975;--line:#dfe5ea;--paper:#fbfcfd;--tile:#fff;--tone:#2e8b57}
@media (prefers-color-scheme:dark){:root{--ink:#e8eef3;--soft:#93a1ae;--line:#2a343d;--paper:#12171c;--tile:#1a2128;
--tone:#68cf96}}
body{margin:0 auto;max-width:60rem;padding:2rem 1.5rem 4rem;background:var(--paper);color:var(--ink);
font:15px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
h1{font-size:1.9rem;margin:0 0 .4rem;overflow-wrap:anywhere} h2{font-size:1.1rem;margin:2.2rem 0 .6rem}
.tiles{display:flex;flex-wrap:wrap;gap:.8rem;margin:0 0 1.6rem}
.tile{flex:1 1 8rem;background:var(--tile);border:1px solid var(--line);border-top:3px solid var(--tone);
border-radius:8px;padding:.7rem .9rem} .tile b{display:block;font-size:1.45rem;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:.8rem}
table{border-collapse:collapse;width:100%;background:var(--tile);border:1px solid var(--line);font-size:.88rem}
th,td{text-align:left;padding:.38rem .7rem;border-top:1px solid var(--line);overflow-wrap:anywhere;vertical-align:top}
th{color:var(--soft);font-weight:600;border-top:0} ul{columns:2;font-size:.88rem;padding-left:1.2rem}
blockquote{margin:1rem 0;padding:.2rem 1rem;border-left:3px solid var(--tone);color:var(--soft)}
img{max-width:100%;border:1px solid var(--line);border-radius:8px} .scroll{overflow-x:auto}
@media print{body{padding:0} h2{break-after:avoid}}
"""
LIFELESS = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def draw(card: Card) -> str:
    """The page. It comes from names and texts that others chose: they are escaped, and the page runs nothing."""
    text = MarkdownIt("commonmark", {"html": False}).enable("table").disable(["link", "image", "autolink"])
    body = text.render(markdown.draw(card, lineage=False))
    picture = base64.b64encode(svg.draw(trace(card), "Where it comes from").encode()).decode()
    title = escape(str(card.known.get("shared_as") or card.publication.model))
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{escape(LIFELESS)}">'
    view = '<meta name="viewport" content="width=device-width,initial-scale=1">'
    return (
        f'<!doctype html><html lang="en"><head>{head}{view}<title>{title}: model card</title><style>{STYLE}</style>'
        f"</head><body>{_draw_tiles(card)}{body}<h2>Lineage</h2>"
        f'<div class="scroll"><img alt="Where it comes from" src="data:image/svg+xml;base64,{picture}"></div>'
        "</body></html>\n"
    )


def _draw_tiles(card: Card) -> str:
    tiles = [
        (f"{value:.4g}", name + (f" (baseline {card.baseline[name]:.4g})" if name in card.baseline else ""))
        for name, value in sorted(card.metrics.items())
    ]
    tiles.append((card.publication.state.lower(), f"for audience {card.publication.audience}"))
    tiles.append(("signed" if card.key_hint else "by digest", "how its bytes are proved"))
    drawn = (f'<div class="tile"><b>{escape(value)}</b><span>{escape(name)}</span></div>' for value, name in tiles)
    return f'<div class="tiles">{"".join(drawn)}</div>'
