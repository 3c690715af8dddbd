"""Withdrawing: the copy is deleted, which touches one audience alone."""

from __future__ import annotations

from app import durable
from app.domain import copies, records
from app.domain.access import Caller
from app.domain.operations import REJECT, Key, Operation, start
from app.domain.workflows import Outcome, Work, register
from app.errors import RecordNotActive
from app.store.publications import Publication
from app.workspaces import models


def begin(caller: Caller, key: Key, publication_id: str, on_conflict: str = REJECT) -> Operation:
    """Accept the withdrawal of an active publication; raises `RecordNotActive` for any other."""
    record = records.get(caller, Publication, publication_id, "withdraw")
    if record.state != "ACTIVE":
        raise RecordNotActive(id=record.id, state=record.state, needed="ACTIVE")
    request = {
        "workspace": record.workspace,
        "share": record.share,
        "model": record.published_model,
        "version": record.published_version,
        "shared_as": record.outcome["shared_as"],
    }
    lock = copies.lock(record.workspace, record.published_model, record.model, record.version)
    work = (withdraw, key, caller, record.project, request, record, lock)
    return start(*work, workspaces=[record.workspace], is_new=False, on_conflict=on_conflict)


@register("withdraw", Publication, failed={})
async def withdraw(work: Work) -> Outcome:
    """Delete the copy and, with the last one, the model's place in the share.

    All publications that rest on the copy end together.
    """
    workspace, share, model, version, shared_as = (
        work.request[name] for name in ("workspace", "share", "model", "version", "shared_as")
    )
    await durable.step("delete the copy", models.remove_version, workspace, model, version)
    await durable.step("clear the share", copies.clear, workspace, share, model, shared_as)
    promises = await durable.step("find all that rest on the copy", copies.list_promises, workspace, model, version)
    withdrawn = {"state": "WITHDRAWN"}
    return Outcome(withdrawn, [(Publication, one, withdrawn) for one in promises if one != work.resource_id])
