"""A proxy before a workspace that changes one file on its way out, as a broken store would."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import requests

DROPPED = {"host", "connection", "content-length", "transfer-encoding", "content-encoding", "accept-encoding", "date"}


@contextmanager
def tampering_proxy(host: str, path: str) -> Iterator[str]:
    """The address of a proxy of `host` that turns around the bytes of the file at `path` when it is read."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name: value for name, value in self.headers.items() if name.lower() not in DROPPED}
            answer = requests.request(self.command, host + self.path, headers=headers, data=body, timeout=60)
            content = answer.content
            if self.command == "GET" and self.path.split("?")[0].endswith(path):
                content = content[::-1]
            self.send_response(answer.status_code)
            for name, value in answer.headers.items():
                if name.lower() not in DROPPED:
                    self.send_header(name, value)
            length = answer.headers["Content-Length"] if self.command == "HEAD" else str(len(content))
            if answer.status_code != 204:
                self.send_header("Content-Length", length)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = forward  # noqa: N815

        def log_message(self, format: str, *arguments: object) -> None:
            """Nobody reads a log of it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
