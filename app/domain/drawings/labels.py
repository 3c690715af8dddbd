"""What does a node of a lineage say of itself in a few words?"""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.lineage_graphs import Node

KINDS = {
    "data": "data",
    "table": "table",
    "function": "function",
    "training_run": "training run",
    "model_version": "model version",
    "copy": "vetted copy",
    "owned_copy": "owned copy",
    "share": "share",
    "catalog": "catalog",
    "endpoint": "endpoint",
    "scoring_run": "scoring run",
}
MANY = {"data": "files", "copy": "vetted copies", "owned_copy": "owned copies"}


@dataclass(frozen=True)
class Label:
    """The kind, the name in short with where it belongs, and how it stands where that is worth a word."""

    kind: str
    name: str
    place: str
    state: str


def make(node: Node) -> Label:
    """The words for the node."""
    kind = _name_kind(node.kind)
    place, name = "", node.name
    if node.kind in {"model_version", "copy", "owned_copy"} and "/" in node.name:
        model, _, version = node.name.rpartition("/")
        place, _, last = model.rpartition(".")
        name = f"{last} · version {version}"
    elif node.kind in {"table", "function"}:
        place, _, name = node.name.rpartition(".")
    elif node.kind == "data":
        place, _, name = node.name.rpartition("/")
    elif node.kind in {"training_run", "scoring_run"} and node.record_id is not None:
        name = f"{node.name[:8]}…{node.name[-4:]}"
        place = _tell_run(node)
    elif node.kind == "share" and node.details.get("audience"):
        place = f"audience {node.details['audience']}"
    elif node.kind == "endpoint" and node.details.get("served_entity"):
        place = f"serves {node.details['served_entity']}"
    state = str(node.details.get("state") or "").lower().replace("_", " ")
    return Label(kind, name, place, state if state != "active" else "")


def name_many(kind: str) -> str:
    """What many of a kind are called."""
    return MANY.get(kind, f"{_name_kind(kind)}s")


def _name_kind(kind: str) -> str:
    return KINDS.get(kind, kind.replace("_", " "))


def _tell_run(node: Node) -> str:
    """The first metric of a training, the number of rows of a scoring."""
    for name, value in sorted((node.details.get("metrics") or {}).items()):
        return f"{name} {value:.4g}"
    rows = node.details.get("rows")
    return f"{rows} rows" if rows is not None else ""
