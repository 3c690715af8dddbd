"""Whether the batches are the chain that was sealed: each one whole, behind the one before, and signed."""

from __future__ import annotations

from collections.abc import Iterator

from app.domain.audit import heads
from app.domain.audit.findings import Finding, Verification, describe_range
from app.domain.audit.keys import Trusted
from app.store import audit_batches as store
from app.store.audit_batches import AuditBatch

BATCHES = 50


def walk(seen: Verification, until: int) -> Iterator[tuple[AuditBatch, bool, list[Finding]]]:
    """Every batch up to this number, whether others are missing before it, and what is wrong with it."""
    before: AuditBatch | None = None
    while page := store.list_batches(before.number if before is not None else 0, until, BATCHES):
        for batch in page:
            is_after_gap = batch.number != (before.number + 1 if before is not None else 1)
            is_signed = heads.is_signed(heads.make_head(batch), seen.trusted)
            seen.batches += 1
            seen.signed_batches += is_signed
            if is_after_gap:
                findings = [_describe_gap(batch, before)]
            elif not _follows(batch, before):
                text = f"Batch {batch.number} does not continue what is before it: one of the two was computed anew."
                findings = [_finding("chain-recomputed", text, batch)]
            else:
                findings = []
            yield batch, is_after_gap, [*findings, *_check(seen, batch, is_signed)]
            before = batch


def explain_signature(key_id: str | None, signature: str | None, trusted: Trusted) -> str:
    """Why a signature is not believed."""
    if signature is None:
        return "carries no signature"
    return "is signed by a key that is not believed here" if key_id not in trusted else "does not fit its signature"


def _check(seen: Verification, batch: AuditBatch, is_signed: bool) -> Iterator[Finding]:
    """What is wrong with the batch by itself."""
    holds = batch.last_event - batch.first_event == batch.manifest.count("\n")
    if not holds or heads.digest(heads.describe_batch(batch)) != batch.digest:
        yield _finding("batch-changed", f"Batch {batch.number} is not what its own digest says: it was changed.", batch)
    elif seen.trusted and not is_signed and batch.number > seen.unsigned_until:
        reason = explain_signature(batch.key_id, batch.signature, seen.trusted)
        text = f"Batch {batch.number} {reason}: it was computed anew without the key."
        yield _finding("chain-recomputed", text, batch)


def _follows(batch: AuditBatch, before: AuditBatch | None) -> bool:
    if before is None:
        return batch.first_event == 1 and batch.previous == heads.BEGINNING
    return batch.first_event == before.last_event + 1 and batch.previous == before.digest


def _describe_gap(batch: AuditBatch, before: AuditBatch | None) -> Finding:
    first, event = (before.number + 1, before.last_event + 1) if before is not None else (1, 1)
    which = f"Batch {first} is" if first + 1 == batch.number else f"Batches {first} to {batch.number - 1} are"
    text = f"{which} gone: what sealed {describe_range(event, batch.first_event - 1)}."
    return Finding("batch-removed", text, first, event, batch.first_event - 1)


def _finding(kind: str, text: str, batch: AuditBatch) -> Finding:
    return Finding(kind, text, batch.number, batch.first_event, batch.last_event)
