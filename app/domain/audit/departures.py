"""Whether the heads that left the database are those that are in it, each of them: how a cut tail is found."""

from __future__ import annotations

import itertools
import json
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.audit.chain import explain_signature
from app.domain.audit.findings import Finding, Verification, describe_range
from app.domain.audit.heads import LOG_EVENT, digest, is_signed
from app.store import audit_batches as store
from app.store import head_files

COMPARED_AT_ONCE = 500
LARGEST = 2**63
TEXTS = ("manifest", "previous", "sealed_at", "digest")
OPTIONAL_TEXTS = ("key_id", "signature")
NUMBERS = ("batch", "first_event", "last_event")


@dataclass
class _Span:
    """Heads of batches without a gap, and the events in them."""

    first: int
    last: int
    first_event: int
    last_event: int


def compare(seen: Verification, places: Iterable[Path]) -> Iterator[Finding]:
    """Every head in these files and folders that the database lacks or contradicts, or that was edited or taken out."""
    spans: list[_Span] = []
    for place in places:
        heads = _read(seen, place)
        while some := list(itertools.islice(heads, COMPARED_AT_ONCE)):
            sound = [head for head in some if not isinstance(head, Finding)]
            yield from (head for head in some if isinstance(head, Finding))
            digests, last = store.find_digests({head["batch"] for head in sound})
            for head in sound:
                seen.heads_compared += 1
                _join(spans, head)
                yield from _compare(head, digests.get(head["batch"]), last)
    seen.newest_head = spans[-1].last if spans else 0
    yield from itertools.starmap(_describe_gap, itertools.pairwise(spans))


def _join(spans: list[_Span], head: dict[str, Any]) -> None:
    """Have the spans, in order and apart as they are, take in a head; heads come in any order, and more than once."""
    number = head["batch"]
    place = bisect_left(spans, number - 1, key=lambda span: span.last)
    if place == len(spans) or number < spans[place].first - 1:
        spans.insert(place, _Span(number, number, head["first_event"], head["last_event"]))
        return
    span = spans[place]
    if number < span.first:
        span.first, span.first_event = number, head["first_event"]
    elif number > span.last:
        span.last, span.last_event = number, head["last_event"]
        if place + 1 < len(spans) and spans[place + 1].first == number + 1:
            behind = spans.pop(place + 1)
            span.last, span.last_event = behind.last, behind.last_event


def _describe_gap(before: _Span, behind: _Span) -> Finding:
    first, last, events = before.last + 1, behind.first - 1, (before.last_event + 1, behind.first_event - 1)
    which, is_it, it = f"The head of batch {first}", "is not among those around it", "it was"
    if last > first:
        which, is_it, it = f"The heads of batches {first} to {last}", "are not among those around them", "they were"
    text = f"{which} with {describe_range(*events)} {is_it}: {it} taken out, or left elsewhere."
    return Finding("head-removed", text, first, *events)


def _compare(head: dict[str, Any], kept: str | None, last: int) -> Iterator[Finding]:
    number, events = head["batch"], (head["first_event"], head["last_event"])
    which = f"Batch {number} with {describe_range(*events)} left the database at {head['sealed_at']}"
    if kept is None and number > last:
        yield Finding("tail-cut", f"{which} and is no longer in it: the tail was cut off.", number, *events)
    elif kept is not None and kept != head["digest"]:
        text = f"{which} with another digest than it has now: the trail was computed anew."
        yield Finding("chain-recomputed", text, number, *events)


def _read(seen: Verification, place: Path) -> Iterator[dict[str, Any] | Finding]:
    for where, line in _list_lines(place):
        if line is None:
            yield Finding("head-unreadable", where)
            continue
        read = _load(line)
        if isinstance(read, dict) and read.get("event", LOG_EVENT) != LOG_EVENT:
            # Another line of a log.
            continue
        head = _pick(read)
        if head is None:
            yield Finding("head-edited", f"{where} is no head.")
        elif digest(head) != head["digest"]:
            text = f"{where} is not what its own digest says: the head of batch {head['batch']} was changed."
            yield Finding("head-edited", text, head["batch"])
        elif seen.trusted and head["batch"] > seen.unsigned_until and not is_signed(head, seen.trusted):
            reason = explain_signature(head["key_id"], head["signature"], seen.trusted)
            text = f"{where}, the head of batch {head['batch']}, {reason}: it was made without the key."
            yield Finding("head-edited", text, head["batch"])
        else:
            yield head


def _list_lines(place: Path) -> Iterator[tuple[str, str | None]]:
    try:
        yield from head_files.read(place)
    except OSError as error:
        yield f"{place.name} cannot be read to its end: {error.strerror}.", None


def _load(line: str) -> Any:
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _pick(read: Any) -> dict[str, Any] | None:
    """The members of a head, whatever else is on its line; None where one is missing or has no such value."""
    if not isinstance(read, dict):
        return None
    head = {name: read.get(name) for name in (*NUMBERS, *TEXTS, *OPTIONAL_TEXTS)}
    # True is an int to Python, and 1 to what is compared with it.
    numbers = all(type(number) is int and 0 < number < LARGEST for number in map(head.get, NUMBERS))
    texts = all(isinstance(head[name], str) for name in TEXTS)
    optional = all(head[name] is None or isinstance(head[name], str) for name in OPTIONAL_TEXTS)
    return head if numbers and texts and optional else None
