"""The model card as Markdown, for a repository or a wiki.

Every value in it is text, whatever it would be as Markdown.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from app.domain.drawings import mermaid
from app.domain.model_cards import Card, trace

SPECIAL = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>~$&:@/])")


def draw(card: Card, *, lineage: bool = True) -> str:
    """The whole card; without its `lineage` for whoever shows that as a picture."""
    one = card.publication
    parts = [
        f"# {_text(one.outcome.get('shared_as') or one.model)}",
        _introduce(card),
        *_section("Metrics", _draw_metrics(card)),
        *_section("Training", _draw_training(card)),
        *_section("Inputs and outputs", _draw_columns(card)),
        *_section("Policy and approvals", _draw_policy(card)),
        *_section("Bytes", _draw_bytes(card)),
        *_section("Requirements", [f"- {_text(line)}" for line in card.known.get("requirements") or []]),
    ]
    if lineage:
        parts += ["## Lineage", f"```mermaid\n{mermaid.draw(trace(card)).rstrip()}\n```"]
    return "\n\n".join(parts) + "\n"


def _introduce(card: Card) -> str:
    one = card.publication
    source = f"Version {one.version} of {_text(one.model)} in {_text(one.workspace)}"
    copy = f"published as version {one.published_version} for audience {_text(one.audience)}"
    described = f"\n\n> {_text(card.known['description'])}" if card.known.get("description") else ""
    seen = f"\n\nSeen by {_text(', '.join(card.readers))}." if card.readers else ""
    licence = f" Licence: {_text(card.licence)}." if card.licence else ""
    return f"{source}, {copy} of project {_text(one.project)}. It is {_text(one.state)}.{licence}{described}{seen}"


def _draw_metrics(card: Card) -> Iterator[str]:
    rows = [(name, f"{value:.6g}", _figure(card.baseline.get(name))) for name, value in sorted(card.metrics.items())]
    return _table(("metric", "model", "baseline"), rows)


def _draw_training(card: Card) -> Iterator[str]:
    if card.training is None:
        return iter(())
    found, asked = card.training.outcome, card.training.request
    data, best = found.get("data") or {}, found.get("best") or {}
    rows = {
        "training run": card.training.id,
        "data": data.get("path"),
        "data's SHA-256": data.get("sha256"),
        "rows": data.get("rows"),
        "target": asked.get("target"),
        "learner": best.get("learner"),
        "baseline": (found.get("baseline") or {}).get("description"),
        "trials": found.get("trial_count"),
        **{f"version of {name}": value for name, value in (found.get("versions") or {}).items()},
    }
    return _table(("what", "value"), [(name, value) for name, value in rows.items() if value is not None])


def _draw_columns(card: Card) -> Iterator[str]:
    sides = ("inputs", "outputs")
    rows = [
        (side[:-1], column["name"] or "", column["type"]) for side in sides for column in card.known.get(side) or []
    ]
    return _table(("side", "column", "type"), rows)


def _draw_policy(card: Card) -> Iterator[str]:
    rows = [(rule["rule"], rule["seen"], rule["needed"]) for rule in card.known.get("policy") or []]
    if card.known.get("scan"):
        rows.append(("scan", "no unsafe pickle code", "no unsafe pickle code"))
    rows += [("approval", one["principal"], "somebody else's") for one in card.approvals]
    return _table(("rule", "seen", "needed"), rows)


def _draw_bytes(card: Card) -> Iterator[str]:
    files = card.known.get("files") or []
    rows = {
        "digest": card.publication.digest,
        "files": len(files),
        "bytes": sum(file["size"] for file in files),
        "signed with key": card.key_hint or "not signed",
        "copied by mlflow": card.known.get("mlflow"),
    }
    return _table(("what", "value"), list(rows.items()))


def _section(title: str, lines: Iterable[str]) -> list[str]:
    content = "\n".join(lines)
    return [f"## {title}", content] if content else []


def _table(head: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> Iterator[str]:
    for at, row in enumerate(rows):
        if at == 0:
            yield f"| {' | '.join(head)} |"
            yield f"|{'---|' * len(head)}"
        yield f"| {' | '.join(_text(cell) for cell in row)} |"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _text(value: object) -> str:
    return SPECIAL.sub(r"\\\1", re.sub(r"\s+", " ", str(value)).strip())
