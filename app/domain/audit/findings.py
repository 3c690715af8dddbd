"""What a verification of the trail says: what was looked at, and each place where it is not what was sealed."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.domain.audit.keys import Trusted
from app.store.audit_batches import AuditBatch


@dataclass(frozen=True)
class Finding:
    """One place where the trail is not what was sealed; `kind` is its stable name, `text` is for people."""

    kind: str
    text: str
    batch: int | None = None
    first_event: int | None = None
    last_event: int | None = None
    event_id: str | None = None


@dataclass
class Verification:
    """What was looked at, and what was found; not `complete` where it gave up, having found so much."""

    trusted: Trusted
    unsigned_until: int
    last: AuditBatch | None = None
    events: int = 0
    batches: int = 0
    signed_batches: int = 0
    heads_compared: int = 0
    newest_head: int = 0
    unsealed_events: int = 0
    findings: list[Finding] = field(default_factory=list)
    complete: bool = True

    @property
    def is_sound(self) -> bool:
        """Whether all of it was looked at, and is what was sealed."""
        return self.complete and not self.findings

    def list_limits(self) -> list[str]:
        """What this verification could not have found, and why; a sentence each."""
        limits = []
        if not self.trusted:
            limits.append(
                "No key is known here, so no signature was checked: a trail that was computed anew is found by heads"
                " outside the database alone."
            )
        elif self.unsigned_until:
            limits.append(
                f"Batches up to {self.unsigned_until} may carry no signature: heads outside the database alone show"
                " whether they were computed anew."
            )
        if not self.heads_compared:
            limits.append(
                "No head outside the database was compared: a tail that was cut off together with its batches cannot"
                " be seen."
            )
        elif self.last is not None and self.newest_head < self.last.number:
            limits.append(
                f"The newest head that was compared is that of batch {self.newest_head}, and there are"
                f" {self.last.number}: a tail that was cut off behind it together with its batches cannot be seen."
            )
        if self.unsealed_events:
            limits.append(f"The newest {self.unsealed_events} event(s) are not sealed yet, and so not protected.")
        return limits


def describe_range(first: int, last: int) -> str:
    """The events of a range, in words."""
    return f"event {first}" if first == last else f"events {first} to {last}"
