"""Whether the trail is what was sealed: its events, its batches, their signatures, and the heads that left.

It reads pages and keeps findings alone: a trail of any length takes the same memory. What is sealed while it reads is
left for the next time.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app import configuration, settings
from app.domain.audit import chain, departures
from app.domain.audit.findings import Finding, Verification
from app.domain.audit.heads import make_line
from app.domain.audit.keys import Trusted
from app.store import audit_batches as store
from app.store.audit_batches import AuditBatch

PAGE = 5000
LOOKED_UP_AT_ONCE = 500
MOST_FINDINGS = 1000


@dataclass
class _Astray:
    """Events that are not at their places, and others that stand where they should not."""

    lost: list[tuple[int, int, str]] = field(default_factory=list)
    sealed: set[str] = field(default_factory=set)
    strange: dict[str, int] = field(default_factory=dict)

    def lose(self, batch: AuditBatch, number: int, line: str) -> None:
        """Whose line is at this place is not here."""
        self.lost.append((batch.number, number, line))

    def meet(self, event: dict[str, Any]) -> None:
        """Where this event is, none or another one should be; past very many, further ones say nothing new."""
        if len(self.strange) < MOST_FINDINGS:
            self.strange[event["id"]] = event["number"]


def verify(trusted: Trusted, heads: list[Path] | None) -> Verification:
    """Look at all of the trail in the database, and at every head in these files and folders.

    Without any, the folder counts to which this process's heads leave, where it is there. Gives up after very many
    findings.
    """
    kept = settings.current().audit_heads
    if not heads:
        heads = [kept] if kept is not None and kept.is_dir() else []
    seen = Verification(trusted, configuration.current().audit.unsigned_until)
    for finding in itertools.chain(_walk(seen), departures.compare(seen, heads)):
        seen.findings.append(finding)
        if len(seen.findings) >= MOST_FINDINGS:
            seen.complete = False
            break
    seen.unsealed_events = store.count_unsealed()
    return seen


def _walk(seen: Verification) -> Iterator[Finding]:
    astray = _Astray()
    last = seen.last = store.find_last()
    if last is not None:
        events = _list_events(last.last_event)
        event = next(events, None)
        for batch, is_after_gap, findings in chain.walk(seen, last.number):
            yield from findings
            while is_after_gap and event is not None and event["number"] < batch.first_event:
                # The batch that held it is gone, and that has been said.
                event = next(events, None)
            event = _compare(seen, batch, event, events, astray)
            if len(astray.lost) >= LOOKED_UP_AT_ONCE:
                yield from _find_lost(astray)
        while event is not None:
            astray.meet(event)
            event = next(events, None)
    for stranger in store.list_beyond(MOST_FINDINGS):
        astray.meet(stranger)
    yield from _find_lost(astray)
    for event_id, number in astray.strange.items():
        if event_id not in astray.sealed:
            text = f"Event {number} ({event_id}) has a number, but no batch holds it: it was put in."
            yield Finding("event-added", text, None, number, number, event_id)


def _compare(
    seen: Verification,
    batch: AuditBatch,
    event: dict[str, Any] | None,
    events: Iterator[dict[str, Any]],
    astray: _Astray,
) -> dict[str, Any] | None:
    """Hold the events of a batch, from `event` on, against its manifest; answers the first one behind it."""
    for number, line in enumerate(batch.manifest.split("\n"), batch.first_event):
        while event is not None and event["number"] < number:
            astray.meet(event)
            event = next(events, None)
        if event is None or event["number"] != number:
            astray.lose(batch, number, line)
            continue
        if make_line(event) != line:
            astray.lose(batch, number, line)
            if line.partition(" ")[0] != event["id"]:
                astray.meet(event)
        seen.events += 1
        event = next(events, None)
    return event


def _find_lost(astray: _Astray) -> Iterator[Finding]:
    """What became of those that are not what they were, or not where they were."""
    lost, astray.lost = astray.lost, []
    ids = [line.partition(" ")[0] for _, _, line in lost]
    astray.sealed.update(ids)
    there = {event["id"]: event for event in store.list_by_id(ids)}
    for (batch, number, line), event_id in zip(lost, ids, strict=True):
        event = there.get(event_id)
        place = (batch, number, number, event_id)
        if event is None:
            yield Finding("event-removed", f"Event {number} ({event_id}) is gone.", *place)
            continue
        if event["number"] != number:
            where = f"now has number {event['number']}" if event["number"] is not None else "has lost its number"
            yield Finding("event-reordered", f"Event {number} ({event_id}) {where}.", *place)
        if make_line(event) != line:
            text = f"Event {number} ({event_id}) is not what was sealed: it was changed."
            yield Finding("event-changed", text, *place)


def _list_events(until: int) -> Iterator[dict[str, Any]]:
    page = store.list_sealed(0, until, PAGE)
    while page:
        yield from page
        page = store.list_sealed(page[-1]["number"], until, PAGE)
