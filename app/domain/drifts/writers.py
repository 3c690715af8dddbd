"""Drift of who could write among the vetted copies: Causeway alone may, whatever else the workspace allows."""

from __future__ import annotations

from collections.abc import Iterator

from app.domain import shareable_catalogs
from app.domain.drifts import copies as drifting_copies
from app.domain.drifts.kinds import HIGH, JUDGE, Finding, Remedy, drift
from app.domain.drifts.looks import Look
from app.domain.workflows import Work
from app.store.drifts import Drift
from app.workspaces import grants


def _revoke(drift: Drift, _work: Work) -> None:
    target = drift.target
    held_by = (target["principal"], target["rights"])
    grants.remove_privileges(drift.workspace, "catalog", target["catalog"], *held_by)
    grants.remove_privileges(drift.workspace, "schema", target["schema"], *held_by)


@drift(
    "writer-unknown",
    HIGH,
    "grant",
    put_back=Remedy("Revoke these rights on the schema of vetted copies and on its catalog.", JUDGE, _revoke),
)
def find_writers(look: Look) -> Iterator[Finding]:
    """Somebody beside Causeway could make versions where only vetted copies may lie."""
    for schema in drifting_copies.list_schemas(look):
        writers = look.ask(shareable_catalogs.list_other_writers, look.workspace, schema, control=look.control)
        for one in writers:
            owns = one.rights == [shareable_catalogs.OWNER]
            share, rights = schema.rpartition(".")[2], {"principal": one.principal, "rights": one.rights}
            yield Finding(
                object_name=schema,
                detail=f"{one.principal} {one.place}",
                wanted=f"Nobody but {look.control} may write in {schema}.",
                found=f"{one.principal} {'owns' if owns else 'holds ' + ', '.join(one.rights) + ' on'} {one.place}.",
                remedies=frozenset() if owns else None,
                target={"share": share, "catalog": look.shareable_catalog, "schema": schema, **rights},
                advice=f"Have {one.place} given to {look.control}." if owns else "Apply the remedy.",
            )
