"""Whether the heads that left the database are those that are in it: how a cut tail is found."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import islice
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


def compare(seen: Verification, places: Iterable[Path]) -> Iterator[Finding]:
    """Every head in these files and folders that the database lacks or contradicts, and every one that was edited."""
    for place in places:
        heads = _read(seen, place)
        while some := list(islice(heads, COMPARED_AT_ONCE)):
            sound = [head for head in some if not isinstance(head, Finding)]
            yield from (head for head in some if isinstance(head, Finding))
            digests, last = store.find_digests({head["batch"] for head in sound})
            for head in sound:
                seen.heads_compared += 1
                yield from _compare(head, digests.get(head["batch"]), last)


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
