"""Which files of a model would run unsafe code as they are unpickled? Disassembled, never loaded.

For the copy job. picklescan knows the imports that are dangerous by name; what it does not know, it lets pass.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from picklescan.scanner import SafetyLevel, scan_file_path

PICKLES = {".pkl", ".pickle", ".joblib", ".dill"}
PROTO, STACK_GLOBAL = b"\x80", b"\x93"
DANGEROUS, UNREADABLE = "dangerous", "unreadable"


class Finding(TypedDict):
    """An import that unpickling a file would make: dangerous; or a pickle that could not be read to its end."""

    file: str
    imported: str
    severity: str


def list_findings(folder: Path) -> list[Finding]:
    """What speaks against unpickling the files of a folder, by path; empty when nothing does.

    Every file is looked at, whatever its name: the model says itself which of them it unpickles.
    """
    logging.getLogger("picklescan").setLevel(logging.CRITICAL)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [finding for path in paths for finding in _look(path, path.relative_to(folder).as_posix())]


def _look(path: Path, name: str) -> Iterator[Finding]:
    with path.open("rb") as stream:
        first = stream.read(1)
    # All pickles since protocol 2 begin so; of other files only their name tells that they should be one.
    is_pickle, should_be = first == PROTO, path.suffix in PICKLES
    try:
        result = scan_file_path(str(path))
    except Exception as fault:  # whatever a file made to break the scanner may raise
        # Nothing is on the stack yet that this instruction could take: no pickle, but often an array of NumPy's.
        if first != STACK_GLOBAL or should_be:
            yield Finding(file=name, imported=f"unknown: {type(fault).__name__}", severity=UNREADABLE)
        return
    found = {f"{one.module}.{one.name}" for one in result.globals if one.safety is SafetyLevel.Dangerous}
    yield from (Finding(file=name, imported=one, severity=DANGEROUS) for one in sorted(found))
    is_cut_off = result.scan_err and (is_pickle or should_be)
    if is_cut_off or (should_be and not is_pickle and not result.globals):
        yield Finding(file=name, imported="unknown: no whole pickle", severity=UNREADABLE)
