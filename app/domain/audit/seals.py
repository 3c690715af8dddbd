"""The sealer: it numbers what was committed, chains it in batches, signs each head, and sends the heads away.

Any number of workers may seal at once: the database lets one in with each batch. A batch is whole or not there, and a
head that a crash kept from leaving leaves in the next round.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from app import settings
from app.domain.audit import heads
from app.domain.audit.keys import KeyUnusable, find_signing_key, key_id
from app.store import audit_batches as store
from app.store import head_files
from app.store.audit_batches import AuditBatch

MOST_EVENTS = 1000
MOST_HEADS = 100
# Refusals are counted onto one event until its minute is over.
STILL_COUNTED = timedelta(minutes=1)
log = structlog.get_logger(__name__)


def seal() -> bool:
    """Seal what there is, one batch at most; whether there may be more.

    Raises `KeyUnusable` where a key is configured and cannot be used: a head without its signature would look like one
    that somebody recomputed.
    """
    key = find_signing_key()
    last = store.find_last()
    events = store.list_unsealed(datetime.now(UTC) - STILL_COUNTED, MOST_EVENTS)
    if not events:
        return False
    first = last.last_event + 1 if last is not None else 1
    batch = AuditBatch(
        number=last.number + 1 if last is not None else 1,
        first_event=first,
        last_event=first + len(events) - 1,
        manifest="\n".join(map(heads.make_line, events)),
        previous=last.digest if last is not None else heads.BEGINNING,
        sealed_at=datetime.now(UTC),
        key_id=key_id(key.public_key()) if key is not None else None,
        digest="",
    )
    head = heads.describe_batch(batch)
    batch.digest = heads.digest(head)
    batch.signature = heads.sign(head, key) if key is not None else None
    # Whoever was first has sealed these, and will go on.
    return store.insert(batch, events) and len(events) == MOST_EVENTS


def publish() -> None:
    """Send away the heads that have not left yet: to the log, and to the folder outside the database.

    Safe to repeat: a head that leaves twice is the same line twice.
    """
    folder = settings.current().audit_heads
    while batches := store.list_unpublished(MOST_HEADS):
        leaving = [heads.make_head(batch) for batch in batches]
        if folder is not None:
            head_files.append(folder, f"{datetime.now(UTC):%Y-%m}", map(heads.to_json, leaving))
        for head in leaving:
            log.info(heads.LOG_EVENT, **head)
        store.mark_published(batch.number for batch in batches)


def count_waiting() -> int:
    """How many heads have not left the database; more than a few, for long, is a folder that cannot be written."""
    return store.count_unpublished()


def describe() -> dict[str, Any]:
    """How this process would seal: with which key, what is wrong with it, and whether heads go to a folder."""
    mistake, key = None, None
    try:
        signing = find_signing_key()
        key = key_id(signing.public_key()) if signing is not None else None
    except KeyUnusable as unusable:
        mistake = str(unusable)
    return {"signs_with": key, "mistake": mistake, "heads_leave": settings.current().audit_heads is not None}
