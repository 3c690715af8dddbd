"""What does the sandbox remember? JSON documents by (kind, scope, name), counters and the journal, in one SQLite file.

The scope says whose thing it is: a metastore's key for Unity Catalog, a workspace's name for what lives in a workspace.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
  kind TEXT NOT NULL, scope TEXT NOT NULL, name TEXT NOT NULL, document TEXT NOT NULL,
  PRIMARY KEY (kind, scope, name)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS numbers (name TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS journal (number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, effect TEXT NOT NULL);
"""


class State:
    """One connection behind one lock. Reads and writes outside of a transaction are transactions of their own."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        # WAL with NORMAL survives the end of the process at any instant; only a power cut may lose the last commits.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, and nobody else in between. Nests: the outermost commits, an exception undoes everything."""
        with self._lock:
            if self._depth == 0:
                self._database.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._database.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._database.execute("COMMIT")

    def find(self, kind: str, scope: str, name: str) -> Document | None:
        """A fresh copy of the document: changing it changes nothing until it is put back."""
        rows = self._query(
            "SELECT document FROM documents WHERE kind = ? AND scope = ? AND name = ?", kind, scope, name
        )
        return _read(rows[0][0]) if rows else None

    def list_all(self, kind: str, scope: str, prefix: str = "") -> list[tuple[str, Document]]:
        """(name, document) of all whose name begins with the prefix, by name."""
        rows = self._query(
            "SELECT name, document FROM documents"
            " WHERE kind = ? AND scope = ? AND substr(name, 1, ?) = ? ORDER BY name",
            kind,
            scope,
            len(prefix),
            prefix,
        )
        return [(name, _read(document)) for name, document in rows]

    def put(self, kind: str, scope: str, name: str, document: Document) -> Document:
        """Write or replace; returns the document."""
        self._query("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", kind, scope, name, json.dumps(document))
        return document

    def remove(self, kind: str, scope: str, name: str) -> None:
        """Forget the document; no matter whether it was there."""
        self._query("DELETE FROM documents WHERE kind = ? AND scope = ? AND name = ?", kind, scope, name)

    def next_number(self, name: str) -> int:
        """1, 2, 3 … for each name; a number is never given twice, not even after a deletion."""
        with self.transaction():
            self._query("INSERT OR IGNORE INTO numbers VALUES (?, 0)", name)
            return int(self._query("UPDATE numbers SET value = value + 1 WHERE name = ? RETURNING value", name)[0][0])

    def append_effect(self, kind: str, effect: Document) -> None:
        """One line of the journal, in the transaction of the effect itself."""
        self._query("INSERT INTO journal (kind, effect) VALUES (?, ?)", kind, json.dumps(effect))

    def list_effects(self, kind: str | None = None, offset: int = 0) -> list[Document]:
        """The journal, oldest first, without the first `offset`."""
        chosen = "SELECT effect FROM journal WHERE ? IS NULL OR kind = ? ORDER BY number LIMIT -1 OFFSET ?"
        return [_read(effect) for (effect,) in self._query(chosen, kind, kind, offset)]

    def clear(self, keep: tuple[str, ...] = ()) -> None:
        """Forget everything but the documents of the kinds in `keep`."""
        with self.transaction():
            marks = ", ".join("?" for _ in keep)
            self._query(f"DELETE FROM documents WHERE kind NOT IN ({marks})", *keep)  # noqa: S608  marks only
            self._query("DELETE FROM numbers")
            self._query("DELETE FROM journal")

    def close(self) -> None:
        """Nothing may be read or written afterwards."""
        with self._lock:
            self._database.close()

    def _query(self, statement: str, *values: object) -> list[Any]:
        with self._lock:
            return self._database.execute(statement, values).fetchall()


def _read(text: str) -> Document:
    document: Document = json.loads(text)
    return document
