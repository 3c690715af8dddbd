"""What lies in an audience's share beside vetted copies, by our records: tables, whole models, what versions need."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from app.domain import audiences
from app.errors import DependenciesNotShared
from app.store import records as store
from app.store.audience_changes import AudienceChange
from app.store.publications import Publication
from app.workspaces import shares
from app.workspaces.shares import TABLE, SharedObject

LIVE = ("PENDING", "ACTIVE")


def list_expected(project: str, workspace: str, audience: str) -> set[str]:
    """The names, in lower case, of what may lie in the audience's share though it is no vetted copy.

    Its declared tables, what publications that stand or are under way need, and the models that they share whole.
    """
    standing = _list_standing(project, workspace, audience)
    whole = {record.model.lower() for record in standing if record.is_whole_model}
    return list_tables(project, workspace, audience) | list_needed(project, workspace, audience) | whole


def list_needed(project: str, workspace: str, audience: str, leaving: Collection[str] = ()) -> set[str]:
    """What publications need that stand or are under way, in lower case; those that are `leaving` do not count."""
    standing = [record for record in _list_standing(project, workspace, audience) if record.id not in leaving]
    return {str(one["name"]).lower() for record in standing for one in record.outcome.get("needs", [])}


def list_tables(project: str, workspace: str, audience: str) -> set[str]:
    """The tables that the audience declares there, in lower case."""
    return {table.lower() for table in audiences.get(project, audience).tables.get(workspace, [])}


def list_put_in(project: str, workspace: str, audience: str) -> set[str]:
    """The declared tables that an audience change put into the share, in lower case; others are still to come."""
    place = {"project": project, "workspace": workspace, "audience": audience}
    there = set[str]()
    for change in store.list_all(AudienceChange, state="SUCCEEDED", **place):
        there -= {str(table).lower() for table in change.outcome.get("tables_removed", [])}
        there |= {str(table).lower() for table in change.outcome.get("tables_added", [])}
    return there & list_tables(project, workspace, audience)


def list_dropped(project: str, workspace: str, audience: str, objects: list[SharedObject]) -> list[str]:
    """The tables in the share that an audience change put there, and that nothing declares or needs any more."""
    place = {"project": project, "workspace": workspace, "audience": audience}
    added = {
        str(table).lower()
        for change in store.list_all(AudienceChange, **place)
        for table in change.outcome.get("tables_added", [])
    }
    gone = added - list_expected(project, workspace, audience)
    return sorted(item.name for item in objects if item.kind == TABLE and item.name.lower() in gone)


def check(share: str, model: str, version: int, needs: list[dict[str, str]], shared: set[str]) -> None:
    """All that the version needs is among what is shared, in lower case; raises `DependenciesNotShared`."""
    if missing := [one["name"] for one in needs if one["name"].lower() not in shared]:
        raise DependenciesNotShared(
            model=model, version=version, share=share, missing=missing, names=", ".join(missing)
        )


def ensure(workspace: str, share: str, kind: str, name: str) -> None:
    """The table or function in the share, by its own schema and name."""
    shares.ensure_object(workspace, share, kind.upper(), name, shared_as=name_shared(name))


def name_shared(name: str) -> str:
    """What consumers call the table or function below their catalog: letters, digits and underscores only [SDK]."""
    return name.partition(".")[2].replace("-", "_").lower()


def remove_whole(workspace: str, share: str, model: str, leaving: list[str]) -> None:
    """Take a model that is shared whole out of the share, unless a publication beside those that leave rests on it.

    The model itself is its owners' and stays as it is.
    """
    rest = store.list_all(Publication, workspace=workspace, share=share, published_model=model, state="ACTIVE")
    if not [one for one in rest if one.id not in leaving]:
        shares.remove_model(workspace, share, model)


def clear(publication_ids: list[str]) -> None:
    """Take out of the share what these publications needed, and nothing else that is published or declared needs."""
    found = [record for one in publication_ids if (record := store.find(Publication, one)) is not None]
    for record in found:
        place = (record.project, record.workspace, record.audience)
        needed = list_tables(*place) | list_needed(*place, leaving=publication_ids)
        for one in record.outcome.get("needs", []):
            if str(one["name"]).lower() not in needed:
                shares.remove_object(record.workspace, record.share, one["kind"].upper(), one["name"])


def _list_standing(project: str, workspace: str, audience: str) -> list[Publication]:
    place: dict[str, Any] = {"project": project, "workspace": workspace, "audience": audience}
    return [record for state in LIVE for record in store.list_all(Publication, state=state, **place)]
