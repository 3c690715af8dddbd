"""How do files come and go? The Files API over volumes, artifacts of experiments, and files of model versions."""

from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

from databricks.sdk.service.files import DirectoryEntry
from starlette.responses import FileResponse, Response

from app.sandbox import errors, uploads
from app.sandbox.file_places import Location, locate
from app.sandbox.pages import page
from app.sandbox.wire import Call, Routes

routes = Routes()
FILE = "/api/2.0/fs/files/{path:path}"
DIRECTORY = "/api/2.0/fs/directories/{path:path}"


@routes.put(FILE, query={"overwrite": bool})
async def upload(call: Call) -> Response:
    """The body is the file; parent directories come into being. One write is one result: it is there whole, or not."""
    await call.run(_check_upload, call, call.params["path"])
    draft = await uploads.receive(call)
    try:
        await call.run(_keep, call, call.params["path"], draft)
    finally:
        draft.unlink(missing_ok=True)
    return Response(status_code=204)


@routes.get(FILE)
def download(call: Call) -> FileResponse:
    """The bytes; Range works."""
    file = _get_file(call).disk
    return FileResponse(file, media_type="application/octet-stream")


@routes.add("HEAD", FILE)
def get_file_metadata(call: Call) -> Response:
    """Size and time in the headers."""
    stat = _get_file(call).disk.stat()
    modified = format_datetime(datetime.fromtimestamp(stat.st_mtime, UTC), usegmt=True)
    headers = {"content-length": str(stat.st_size), "last-modified": modified}
    return Response(headers=headers, media_type="application/octet-stream")


@routes.delete(FILE)
def delete_file(call: Call) -> Response:
    """404 when there is none."""
    location = _get_file(call, writing=True)
    location.disk.unlink()
    call.record("file-deleted", location.path)
    return Response(status_code=204)


@routes.put(DIRECTORY)
def create_directory(call: Call) -> Response:
    """Parents come too; an existing directory is a success [SDK]."""
    location = locate(call, call.params["path"], writing=True)
    if location.disk.is_file():
        raise errors.PlatformError(409, "ALREADY_EXISTS", f"A file of that name exists: {location.path}")
    location.disk.mkdir(parents=True, exist_ok=True)
    return Response(status_code=204)


@routes.add("HEAD", DIRECTORY)
def get_directory_metadata(call: Call) -> Response:
    """404 for a file, too."""
    _get_directory(call)
    return Response()


@routes.get(DIRECTORY, query={"page_size": int, "page_token": str})
def list_directory(call: Call) -> dict[str, Any]:
    """Its direct entries."""
    location = _get_directory(call)
    entries = sorted(location.disk.iterdir()) if location.disk.is_dir() else []
    return page(call, "contents", entries, lambda entry: _shape(location.path, entry), size_name="page_size")


@routes.delete(DIRECTORY)
def delete_directory(call: Call) -> Response:
    """Empty ones only [SDK]."""
    location = _get_directory(call, writing=True)
    if location.disk.is_dir() and any(location.disk.iterdir()):
        raise errors.PlatformError(400, "DIRECTORY_NOT_EMPTY", f"The directory is not empty: {location.path}")
    if not location.is_root and location.disk.is_dir():
        location.disk.rmdir()
    return Response(status_code=204)


@routes.post("/api/2.0/fs/create-download-url", query={"path": str, "expire_time": str})
def create_download_url(call: Call) -> None:
    """Not offered, as in workspaces without presigned URLs: the SDK then downloads from the Files API itself [RUN]."""
    raise errors.PlatformError(404, "FEATURE_DISABLED", "Presigned URLs for downloads are not enabled.")


@routes.post(
    FILE, query={"action!": str, "overwrite": bool, "upload_type": str, "session_token": str}, body=uploads.COMPLETION
)
def handle_multipart(call: Call) -> dict[str, Any]:
    """`action=initiate-upload` begins an upload in parts (the SDK does from 50 MiB on), `complete-upload` ends it."""
    if call.query["action"] == "initiate-upload":
        _check_upload(call, call.params["path"])
        return {"multipart_upload": {"session_token": uploads.begin(call, call.params["path"])}}
    if call.query["action"] == "complete-upload":
        draft, overwrite = uploads.join(call, call.params["path"])
        call.query["overwrite"] = overwrite
        _keep(call, call.params["path"], draft)
        return {}
    raise errors.invalid(f"Invalid action: {call.query['action']}")


def _check_upload(call: Call, path: str) -> Location:
    location = locate(call, path, writing=True)
    if location.is_root or location.disk.is_dir():
        raise errors.invalid(f"This is a directory: {location.path}")
    if location.disk.exists() and not call.query.get("overwrite"):
        raise errors.PlatformError(409, "ALREADY_EXISTS", f"The file being created already exists: {location.path}")
    return location


def _keep(call: Call, path: str, draft: Path) -> None:
    location = _check_upload(call, path)
    location.disk.parent.mkdir(parents=True, exist_ok=True)
    size = draft.stat().st_size
    draft.replace(location.disk)
    call.record("file-written", location.path, size=size)


def _get_file(call: Call, *, writing: bool = False) -> Location:
    location = locate(call, call.params["path"], writing=writing)
    if not location.disk.is_file():
        raise errors.PlatformError(404, "NOT_FOUND", f"The file being accessed is not found: {location.path}")
    return location


def _get_directory(call: Call, *, writing: bool = False) -> Location:
    location = locate(call, call.params["path"], writing=writing)
    if not location.is_root and not location.disk.is_dir():
        raise errors.PlatformError(404, "NOT_FOUND", f"The directory being accessed is not found: {location.path}")
    return location


def _shape(parent: str, entry: Path) -> DirectoryEntry:
    stat = entry.stat()
    return DirectoryEntry(
        path=f"{parent}/{entry.name}" + ("/" if entry.is_dir() else ""),
        name=entry.name,
        is_directory=entry.is_dir(),
        file_size=None if entry.is_dir() else stat.st_size,
        last_modified=int(stat.st_mtime * 1000),
    )
