"""How does a body become a file, in one piece or in parts? Drafts, and the sessions of multipart uploads."""

import hashlib
import secrets
import shutil
from pathlib import Path
from typing import Any

from starlette.responses import Response

from app.sandbox import errors, storage
from app.sandbox.state import Document
from app.sandbox.wire import Call, Routes

routes = Routes()
COMPLETION = {"parts": [{"part_number!": int, "etag": str}]}
# Outside of /api, as the cloud's storage is: the token in the path is the right to write.
_PARTS = "/presigned/{token}"


async def receive(call: Call) -> Path:
    """The request's body as a draft on disk; the caller moves or removes it."""
    draft = storage.uploads_folder(call.world) / secrets.token_hex(16)
    with draft.open("wb") as writing:
        async for chunk in call.request.stream():
            writing.write(chunk)
    return draft


def begin(call: Call, path: str) -> str:
    """A session for an upload in parts; its token is all that the parts need."""
    token = secrets.token_urlsafe(24)
    session = {"path": path, "principal": call.principal, "overwrite": call.query.get("overwrite", False)}
    call.state.put("upload", call.workspace.name, token, session)
    _folder(call, token).mkdir()
    return token


def join(call: Call, path: str) -> tuple[Path, bool]:
    """The parts as one draft, and whether it may overwrite; the session is over."""
    token = call.query.get("session_token", "")
    session = _get_session(call, token, path)
    draft, folder = _folder(call, token).with_suffix(".whole"), _folder(call, token)
    with draft.open("wb") as writing:
        for part in sorted(call.body.get("parts", []), key=lambda part: int(part["part_number"])):
            file = folder / str(part["part_number"])
            if not file.exists() or part.get("etag") not in (None, _tag(file)):
                raise errors.invalid(f"Part {part['part_number']} was not uploaded as said.")
            with file.open("rb") as reading:
                shutil.copyfileobj(reading, writing)
    _end(call, token)
    return draft, bool(session["overwrite"])


@routes.post(
    "/api/2.0/fs/create-upload-part-urls",
    body={
        "path!": str,
        "session_token!": str,
        "start_part_number!": int,
        "count!": int,
        "expire_time": str,
    },
)
def create_part_urls(call: Call) -> dict[str, Any]:
    """One URL a part, to PUT without a bearer."""
    token = call.body["session_token"]
    _get_session(call, token, call.body["path"].lstrip("/"))
    first = call.body["start_part_number"]
    urls = [
        {"url": f"{call.workspace.host}/presigned/{token}/{number}", "part_number": number, "headers": []}
        for number in range(first, first + call.body["count"])
    ]
    return {"upload_part_urls": urls}


@routes.post("/api/2.0/fs/create-abort-upload-url", body={"path!": str, "session_token!": str, "expire_time": str})
def create_abort_url(call: Call) -> dict[str, Any]:
    """Where to DELETE the whole session."""
    token = call.body["session_token"]
    _get_session(call, token, call.body["path"].lstrip("/"))
    return {"abort_upload_url": {"url": f"{call.workspace.host}/presigned/{token}", "headers": []}}


@routes.put(_PARTS + "/{number}", public=True)
async def put_part(call: Call) -> Response:
    """One part; the ETag proves it when the upload is completed."""
    file = await call.run(_find_part, call)
    draft = await receive(call)
    draft.replace(file)
    return Response(headers={"ETag": await call.run(_tag, file)})


@routes.delete(_PARTS, public=True)
def abort(call: Call) -> None:
    """The session is over, its parts are gone."""
    _end(call, call.params["token"])


def _find_part(call: Call) -> Path:
    token, number = call.params["token"], call.params["number"]
    if not number.isdigit() or call.state.find("upload", call.workspace.name, token) is None:
        raise errors.denied("This URL is not valid (any more).")
    return _folder(call, token) / number


def _get_session(call: Call, token: str, path: str) -> Document:
    session = call.state.find("upload", call.workspace.name, token)
    if session is None or session["path"] != path or session["principal"] != call.principal:
        raise errors.PlatformError(404, "NOT_FOUND", "There is no such upload.")
    return session


def _end(call: Call, token: str) -> None:
    if call.state.find("upload", call.workspace.name, token):
        call.state.remove("upload", call.workspace.name, token)
        storage.erase(_folder(call, token))


def _folder(call: Call, token: str) -> Path:
    return storage.uploads_folder(call.world) / token


def _tag(file: Path) -> str:
    with file.open("rb") as reading:
        return f'"{hashlib.file_digest(reading, "md5").hexdigest()}"'
