"""The prediction path of a service whose workspace says and does just what a test wants: bytes come and go."""

import socket
import threading
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.http.conftest import ALICE, make_configuration
from tests.service_process import Service

PATH = "/v1/workspaces/prod/serving-endpoints/bikes-demand/invocations"
DEADLINE_SECONDS = 30
Talk = Callable[[socket.socket], None]


class Upstream:
    """A workspace that is nothing but a socket: each connection is answered by `talk`."""

    def __init__(self) -> None:
        self.talk: Talk = lambda _: None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.host = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(DEADLINE_SECONDS)
                self.talk(connection)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    running = Upstream()
    yield running
    running.listener.close()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[Service]:
    configuration = make_configuration()
    configuration["workspaces"]["prod"]["host"] = upstream.host
    running = Service(tmp_path_factory.mktemp("proxy"), configuration, {"TEST_TOKEN": "dapi-of-control"})
    yield running
    running.stop()


def connect(proxy: Service, *headers: str) -> socket.socket:
    """A connection on which a prediction request has begun, with these headers."""
    connection = socket.create_connection(("127.0.0.1", proxy.port), timeout=DEADLINE_SECONDS)
    lines = [f"POST {PATH} HTTP/1.1", "Host: x", f"Authorization: Bearer {proxy.key(ALICE)}", *headers]
    connection.sendall("\r\n".join([*lines, "", ""]).encode())
    return connection


def read_until(connection: socket.socket, wanted: bytes) -> bytes:
    received = b""
    while wanted not in received:
        part = connection.recv(65536)
        assert part, f"the connection ended after {received[-200:]!r}"
        received += part
    return received


def test_a_body_goes_on_before_all_of_it_has_come_and_so_does_an_answer(proxy: Service, upstream: Upstream) -> None:
    half_arrived, half_answered, answer_seen = threading.Event(), threading.Event(), threading.Event()

    def talk(connection: socket.socket) -> None:
        read_until(connection, b"first half")
        half_arrived.set()
        read_until(connection, b"second half")
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n"
        connection.sendall(head + b"0123456789")
        half_answered.set()
        assert answer_seen.wait(DEADLINE_SECONDS)
        connection.sendall(b"abcdefghij")

    upstream.talk = talk
    with connect(proxy, "Content-Type: application/json", "Content-Length: 21") as caller:
        caller.sendall(b"first half")
        assert half_arrived.wait(DEADLINE_SECONDS)
        caller.sendall(b"second half")
        assert half_answered.wait(DEADLINE_SECONDS)
        read_until(caller, b"0123456789")
        answer_seen.set()
        read_until(caller, b"abcdefghij")


def test_only_what_belongs_to_a_prediction_passes_in_either_direction(proxy: Service, upstream: Upstream) -> None:
    asked: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        asked.append(read_until(connection, b"{}"))
        said = ["HTTP/1.1 200 OK", "Content-Type: application/json", "served-model-name: champion", "Set-Cookie: a=b"]
        said += ["Server: upstream", "databricks-request-id: r-1", "X-Internal: 1", "Content-Length: 2", "", "[]"]
        connection.sendall("\r\n".join(said).encode())

    upstream.talk = talk
    headers = {"Cookie": "c=d", "X-Forwarded-For": "y", "X-Databricks-Org-Id": "7", "Content-Type": "application/json"}
    answer = proxy.client(ALICE).post(PATH, content=b"{}", headers=headers)

    assert (answer.status_code, answer.content) == (200, b"[]")
    assert answer.headers["served-model-name"] == "champion"
    assert answer.headers["databricks-request-id"] == "r-1"
    assert answer.headers["x-request-id"].startswith("req_")
    assert not {"set-cookie", "x-internal"} & set(answer.headers)
    sent = asked[0].lower()
    assert sent.startswith(b"post /serving-endpoints/bikes-demand/invocations http/1.1")
    assert b"authorization: bearer dapi-of-control" in sent
    assert not [word for word in (b"cwk_", b"cookie", b"x-forwarded-for", b"x-databricks-org-id") if word in sent]


def test_a_redirect_is_not_followed(proxy: Service, upstream: Upstream) -> None:
    asked: list[bytes] = []

    def talk(connection: socket.socket) -> None:
        asked.append(read_until(connection, b"{}"))
        connection.sendall(
            f"HTTP/1.1 307 Moved\r\nLocation: {upstream.host}/else\r\nContent-Length: 0\r\n\r\n".encode()
        )

    upstream.talk = talk
    answer = proxy.client(ALICE).post(PATH, content=b"{}")

    assert (answer.status_code, answer.json()["code"]) == (502, "workspace-fault")
    assert len(asked) == 1


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(proxy: Service, upstream: Upstream) -> None:
    def talk(connection: socket.socket) -> None:
        read_until(connection, b"{}")
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n[1, 2")

    upstream.talk = talk
    with pytest.raises(httpx.TransportError):
        proxy.client(ALICE).post(PATH, content=b"{}")
    assert "Traceback" not in proxy.output()


def test_a_workspace_that_says_nothing_is_a_problem_of_its_own(proxy: Service, upstream: Upstream) -> None:
    upstream.talk = lambda connection: None
    answer = proxy.client(ALICE).post(PATH, content=b"{}")

    assert (answer.status_code, answer.json()["code"]) == (503, "workspace-unavailable")
    assert answer.headers["Retry-After"]


def test_a_body_that_grows_beyond_the_limit_ends_there(proxy: Service, upstream: Upstream) -> None:
    received = [0]

    def talk(connection: socket.socket) -> None:
        while part := connection.recv(65536):
            received[0] += len(part)

    upstream.talk = talk
    part = b"x" * 65536
    with connect(proxy, "Content-Type: application/json", "Transfer-Encoding: chunked") as caller:
        try:
            for _ in range(400):
                caller.sendall(b"10000\r\n" + part + b"\r\n")
        except OSError:
            pass  # it has heard enough
        assert b" 413 " in caller.recv(4096)
    assert received[0] < 17 * 1024 * 1024


def test_a_caller_who_leaves_midway_leaves_nothing_behind(proxy: Service, upstream: Upstream) -> None:
    arrived, ended = threading.Event(), threading.Event()

    def talk(connection: socket.socket) -> None:
        read_until(connection, b"first half")
        arrived.set()
        while connection.recv(65536):
            pass
        ended.set()

    upstream.talk = talk
    with connect(proxy, "Content-Type: application/json", "Content-Length: 1000") as caller:
        caller.sendall(b"first half")
        assert arrived.wait(DEADLINE_SECONDS)
    assert ended.wait(DEADLINE_SECONDS)
    assert httpx.get(f"{proxy.url}/livez").status_code == 200
