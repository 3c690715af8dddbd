"""What is in a file that joblib would decompress before it unpickles it? It goes by a file's first bytes, not its name.

For the scan, which has to see what will be unpickled.
"""

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

BLOCK_BYTES = 1024 * 1024
# What joblib opens, too, and nothing here does.
CLOSED = {b"\x04\x22\x4d\x18": "compressed by lz4, which is not opened here", b"ZF0x": "compressed by an old joblib"}


def find_closed(path: Path) -> str | None:
    """How the file is compressed, if in a way that is not opened here; else None."""
    with path.open("rb") as stream:
        head = stream.read(4)
    return next((told for prefix, told in CLOSED.items() if head.startswith(prefix)), None)


def open_into(path: Path, target: IO[bytes], limit_bytes: int) -> bool:
    """Write to `target` what the file holds decompressed: nothing for one that is not compressed.

    Of a file that is broken further on it is what comes before: an unpickler would have run that. Answers whether that
    was all within the limit.
    """
    with path.open("rb") as stream:
        head = stream.read(6)
    written = 0
    for prefix, read in READERS.items():
        if head.startswith(prefix):
            try:
                for block in read(path):
                    written += len(block)
                    if written > limit_bytes:
                        return False
                    target.write(block)
            except (OSError, EOFError, lzma.LZMAError, zlib.error):
                break
    return True


def _read_by(opener: Callable[..., IO[Any]]) -> Callable[[Path], Iterator[bytes]]:
    def read(path: Path) -> Iterator[bytes]:
        with opener(path) as stream:
            # In small reads: one that fails gives nothing of what it had read before.
            while block := stream.read1(BLOCK_BYTES):  # type: ignore[attr-defined]
                yield block

    return read


def _read_zlib(path: Path) -> Iterator[bytes]:
    """Stream after stream, as joblib reads them."""
    with path.open("rb") as stream:
        machine, rest = zlib.decompressobj(), b""
        while raw := rest or stream.read(BLOCK_BYTES):
            yield machine.decompress(raw, BLOCK_BYTES)
            rest = machine.unconsumed_tail
            if machine.eof:
                machine, rest = zlib.decompressobj(), machine.unused_data


READERS: dict[bytes, Callable[[Path], Iterator[bytes]]] = {
    b"\x1f\x8b": _read_by(gzip.open),
    b"BZ": _read_by(bz2.open),
    b"\xfd7zXZ": _read_by(lzma.open),
    b"\x5d\x00": _read_by(lzma.open),
    b"\x78": _read_zlib,
}
