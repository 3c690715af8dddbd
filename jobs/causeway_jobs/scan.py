"""Which files of a model would run unsafe code as they are unpickled? Disassembled, never loaded.

For the copy job. picklescan knows the imports that are dangerous by name; what it does not know, it lets pass.
"""

import logging
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TypedDict

from picklescan.scanner import SafetyLevel, ScanResult, scan_bytes, scan_pickle_bytes

from causeway_jobs import decompression

PICKLES = {".pkl", ".pickle", ".joblib", ".dill"}
PROTO, STACK_GLOBAL = b"\x80", b"\x93"
ARRAY, ARCHIVES = b"\x93NUMPY", (b"PK\x03\x04", b"PK\x05\x06", b"7z\xbc\xaf\x27\x1c")
# joblib writes an array's bytes where the instructions were, and goes on with them behind it.
ARRAY_WITHIN = "NumpyArrayWrapper"
DANGEROUS, UNREADABLE = "dangerous", "unreadable"
# Ours: what is opened lies on the job's own disk.
LIMIT_BYTES = 8 * 1024**3


class Finding(TypedDict):
    """An import that unpickling a file would make: dangerous; or a pickle that could not be read to its end."""

    file: str
    imported: str
    severity: str


def list_findings(folder: Path, limit_bytes: int = LIMIT_BYTES) -> list[Finding]:
    """What speaks against unpickling the files of a folder, by path; empty when nothing does.

    Every file is looked at, whatever its name: the model says itself which of them it unpickles. One that is
    compressed as joblib would open it is looked into, unless it grows beyond the limit.
    """
    logging.getLogger("picklescan").setLevel(logging.CRITICAL)
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return [finding for path in paths for finding in _look(path, path.relative_to(folder).as_posix(), limit_bytes)]


def _look(path: Path, name: str, limit_bytes: int) -> Iterator[Finding]:
    if (closed := decompression.find_closed(path)) is not None:
        yield _unreadable(name, closed)
        return
    with tempfile.NamedTemporaryFile() as opened:
        is_whole = decompression.open_into(path, opened, limit_bytes)
        opened.flush()
        inner = Path(opened.name)
        is_compressed = inner.stat().st_size > 0
        yield from _judge(inner if is_compressed else path, name)
    if not is_whole:
        yield _unreadable(name, f"more than {limit_bytes} bytes when it is opened")


def _judge(path: Path, name: str) -> Iterator[Finding]:
    """What speaks against a file that is not compressed; it belongs to the model under this name."""
    with path.open("rb") as stream:
        first = stream.read(1)
    # All pickles since protocol 2 begin so; of other files only their name tells that they should be one.
    is_pickle, should_be = first == PROTO, bool(PICKLES & set(Path(name).suffixes))
    if not first and not should_be:
        # An `__init__.py`, say; the scanner takes it for broken.
        return
    try:
        result = _scan(path)
    except Exception as fault:  # whatever a file made to break the scanner may raise
        # Nothing is on the stack yet that this instruction could take: no pickle, but often an array of NumPy's.
        if first != STACK_GLOBAL or should_be:
            yield _unreadable(name, type(fault).__name__)
        return
    found = {f"{one.module}.{one.name}" for one in result.globals if one.safety is SafetyLevel.Dangerous}
    yield from (Finding(file=name, imported=one, severity=DANGEROUS) for one in sorted(found))
    is_cut_off = result.scan_err and (is_pickle or should_be)
    if result.scan_err and any(one.name == ARRAY_WITHIN for one in result.globals):
        yield _unreadable(name, "joblib hides what follows an array; save the model by cloudpickle")
    elif is_cut_off or (should_be and not is_pickle and not result.globals):
        yield _unreadable(name, "no whole pickle")


def _scan(path: Path) -> ScanResult:
    """By what the file is, and never by its name: as PyTorch's of before 1.6 it would be read in part alone."""
    with path.open("rb") as stream:
        head = stream.read(8)
        stream.seek(0)
        if head.startswith(ARRAY):
            return scan_bytes(stream, "", ".npy")
        if head.startswith(ARCHIVES):
            return scan_bytes(stream, "")
        result = scan_pickle_bytes(stream, "")
        if zipfile.is_zipfile(path):
            # An archive behind a pickle: whoever unpickles the file reads the one, whoever unzips it the other.
            stream.seek(0)
            result.merge(scan_bytes(stream, ""))
    return result


def _unreadable(name: str, why: str) -> Finding:
    return Finding(file=name, imported=f"unknown: {why}", severity=UNREADABLE)
