"""What does a catalog from a share show? All of it at first, and later so much at a time that looking stays cheap."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from app.errors import ModelNotFound
from app.workspaces import catalogs, models

Shown = dict[str, Any]
"""`{model, versions: [{version, state, seen_at}], looked_at}`, times as text."""
Version = tuple[str, int]
# Versions are listed by the model, a request each: of a large catalog these many a look, those that waited longest.
AT_A_TIME = 20


def read(workspace: str, catalog: str, known: list[Shown], promised: set[Version] | None = None) -> list[Shown]:
    """Every model that the catalog shows now, with its versions, by name; raises `CatalogNotFound`.

    The models cost a request a schema. Versions are asked for where a model is not `known`, where what is known of it
    is not what is `promised` (None: nobody promises anything), and of others for `AT_A_TIME` of them.
    """
    before = {entry["model"]: entry for entry in known}
    names = [model for schema in _list_schemas(workspace, catalog) for model in _list_models(workspace, schema)]
    due = choose(names, before, promised)
    found = []
    for name in names:
        if name not in due:
            found.append(before[name])
            continue
        with suppress(ModelNotFound):  # withdrawn a moment ago
            found.append(_look(workspace, name, before.get(name)))
    return found


def list_versions(shown: list[Shown]) -> set[Version]:
    """Each version in it, by its model."""
    return {(entry["model"], one["version"]) for entry in shown for one in entry["versions"]}


def choose(names: list[str], before: dict[str, Shown], promised: set[Version] | None) -> set[str]:
    """The models, of all `names` that the catalog shows, whose versions this look asks for."""
    changed = {name for name in names if name not in before}
    if promised is not None:
        changed |= {model for model, _ in promised ^ list_versions(list(before.values()))}
    rest = sorted((name for name in names if name not in changed), key=lambda name: before[name]["looked_at"])
    return changed | set(rest[:AT_A_TIME])


def _look(workspace: str, model: str, before: Shown | None) -> Shown:
    looked_at = datetime.now(UTC).isoformat()
    seen_at = {one["version"]: one["seen_at"] for one in before["versions"]} if before else {}
    versions = sorted(models.iterate_versions(workspace, model), key=lambda one: one.version)
    shown = [
        {"version": one.version, "state": one.state, "seen_at": seen_at.get(one.version, looked_at)} for one in versions
    ]
    return {"model": model, "versions": shown, "looked_at": looked_at}


def _list_schemas(workspace: str, catalog: str) -> list[str]:
    names = catalogs.list_schemas(workspace, catalog)
    return [f"{catalog}.{schema}" for schema in names if schema != "information_schema"]


def _list_models(workspace: str, schema: str) -> list[str]:
    with suppress(ModelNotFound):  # its last model was withdrawn a moment ago
        return sorted(model.name for model in models.iterate_models(workspace, schema))
    return []
