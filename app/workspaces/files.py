"""What lies in a volume or in a model version's folder? The Files API, one request a call.

The SDK's own upload and download make further calls beside (presigned addresses, parts, probes) [SDK].
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from app.errors import DataNotFound, FileTooLarge, WorkspaceFault, WrittenNotVisible
from app.workspaces.clients import connected
from app.workspaces.pages import iterate

READ_LIMIT_BYTES = 16 * 1024 * 1024
# A wheel or sixteen megabytes of rows on a slow line.
TRANSFER_TIMEOUT_SECONDS = 120.0


@dataclass(frozen=True)
class FolderEntry:
    """A file or a folder by its full path; a folder has no size. When it was last changed, to the millisecond."""

    path: str
    is_folder: bool
    size: int | None
    modified_at: str | None = None


def get_content(workspace: str, path: str, *, limit_bytes: int = READ_LIMIT_BYTES) -> bytes:
    """The bytes of a file; raises `DataNotFound`, and `FileTooLarge` without reading much more than the limit."""
    with connected(
        workspace, f"reading {path}", _missing(workspace, path), timeout_seconds=TRANSFER_TIMEOUT_SECONDS
    ) as client:
        answer = client.api_client.do("GET", _file(path), raw=True)
        stream: Any = answer["contents"] if isinstance(answer, dict) else None
        try:
            content = bytes(stream.read(limit_bytes + 1))
        finally:
            stream.close()
    if len(content) > limit_bytes:
        raise FileTooLarge(workspace=workspace, name=path, limit_bytes=limit_bytes)
    return content


def get_head(workspace: str, path: str, length: int) -> bytes:
    """The first `length` bytes of a file, or all of a shorter one; the rest is not read. Raises `DataNotFound`."""
    with connected(workspace, f"reading {path}", _missing(workspace, path)) as client:
        answer = client.api_client.do("GET", _file(path), raw=True)
        stream: Any = answer["contents"] if isinstance(answer, dict) else None
        try:
            return bytes(stream.read(length))
        finally:
            stream.close()


def find_content(workspace: str, path: str, *, limit_bytes: int = READ_LIMIT_BYTES) -> bytes | None:
    """The bytes of a file, or None when there is none."""
    try:
        return get_content(workspace, path, limit_bytes=limit_bytes)
    except DataNotFound:
        return None


def find_size(workspace: str, path: str) -> int | None:
    """The size of a file in bytes, or None when there is none."""
    try:
        with connected(workspace, f"looking for {path}", _missing(workspace, path)) as client:
            answer = client.api_client.do("HEAD", _file(path), response_headers=["content-length"])
    except DataNotFound:
        return None
    length = answer.get("content-length") if isinstance(answer, dict) else None
    if length is None:
        raise WorkspaceFault(workspace=workspace, action=f"looking for {path}")
    return int(length)


def ensure_content(workspace: str, path: str, content: bytes) -> None:
    """Write the file, or write it anew; parent folders are made by the platform. Safe to repeat.

    Raises `DataNotFound` when the volume does not exist, `WrittenNotVisible` when the file then has another size.
    """
    action = f"writing {path}"
    with connected(workspace, action, _missing(workspace, path), timeout_seconds=TRANSFER_TIMEOUT_SECONDS) as client:
        client.api_client.do(
            "PUT",
            _file(path),
            query={"overwrite": True},
            headers={"Content-Type": "application/octet-stream"},
            data=content,
        )
    if find_size(workspace, path) != len(content):
        raise WrittenNotVisible(workspace=workspace, action=action)


def remove(workspace: str, path: str) -> None:
    """Delete the file; one that is not there is a success."""
    with suppress(DataNotFound), connected(workspace, f"deleting {path}", _missing(workspace, path)) as client:
        client.api_client.do("DELETE", _file(path))


def list_folder(workspace: str, path: str) -> list[FolderEntry]:
    """What lies directly in a folder, by path; raises `DataNotFound` when there is no such folder."""
    with connected(workspace, f"listing {path}", _missing(workspace, path)) as client:
        return sorted(iterate(client, _folder(path), "contents", _as_entry), key=lambda entry: entry.path)


def _missing(workspace: str, path: str) -> DataNotFound:
    # A path with such a part would be taken for another API's address: they are resolved on the way [RUN].
    missing = DataNotFound(workspace=workspace, kind="file", name=path)
    parts = path.split("/")
    if len(parts) < 3 or parts[0] or parts[1] not in {"Volumes", "Models"} or {"", ".", ".."} & set(parts[1:]):
        raise missing
    return missing


def _file(path: str) -> str:
    return f"/api/2.0/fs/files{quote(path)}"


def _folder(path: str) -> str:
    return f"/api/2.0/fs/directories{quote(path)}"


def _as_entry(item: dict[str, Any]) -> FolderEntry:
    is_folder = bool(item.get("is_directory"))
    size = None if is_folder else int(item.get("file_size") or 0)
    # Milliseconds since 1970 [SDK].
    changed = item.get("last_modified")
    at = datetime.fromtimestamp(changed / 1000, UTC).isoformat(timespec="milliseconds") if changed else None
    return FolderEntry(str(item["path"]).rstrip("/"), is_folder, size, at)
