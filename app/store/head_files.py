"""Heads that left the database: lines of JSON in files that are only ever appended to, one file a month."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

PATTERN = "heads-*.ndjson"


def append(folder: Path, month: str, lines: Iterable[str]) -> None:
    """Put lines at the end of the month's file (`2026-11`), and have them on the disk before this returns.

    A line that a power cut left half written stays as it is: the next one begins on a line of its own.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / PATTERN.replace("*", month)
    with path.open("ab+") as file:
        torn = False
        if file.tell():
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"
        file.write(b"\n" * torn + "".join(f"{line}\n" for line in lines).encode())
        file.flush()
        os.fsync(file.fileno())
    _sync(folder)


def read(path: Path) -> Iterator[tuple[str, str]]:
    """Every line of a file, or of the files in a folder, with the place where it stands; raises `OSError`.

    What a power cut left half written is passed over: it is the beginning of the line behind it.
    """
    for file in sorted(path.glob(PATTERN)) if path.is_dir() else [path]:
        with file.open(errors="replace") as lines:
            before = ""
            for number, line in enumerate(lines, 1):
                if before and not line.startswith(before):
                    yield f"{file.name}:{number - 1}", before
                before = line.strip()
            if before:
                yield f"{file.name}:{number}", before


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
