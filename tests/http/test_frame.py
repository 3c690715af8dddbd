"""What every path does, whatever it is for: who is calling, what is refused, how a problem looks."""

import json
import socket
import time

import httpx
import pytest

from app.http.conventions import pages
from tests.http.conftest import ADMIN, ALICE, BOB, ROBOT
from tests.service_process import Service


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, object] = answer.json()
    assert (body["status"], body["code"], body["type"]) == (status, code, f"/problems/{code}")
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


@pytest.mark.parametrize(
    "bearer",
    ["", "Bearer", "Basic YTpi", "Bearer cwk_x", "Bearer cwk_a_b_c", "Bearer " + "x" * 5000, "Bearer \xff"],
)
def test_a_request_without_a_live_key_learns_nothing_but_that(service: Service, bearer: str) -> None:
    answer = httpx.get(f"{service.url}/v1/me", headers={b"Authorization": bearer.encode("latin-1")})

    body = problem(answer, 401, "unauthenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert set(body) == {"errors", "type", "code", "title", "status", "detail", "retryable", "instance", "request_id"}


@pytest.mark.parametrize("address", ["/v1/operations?kind=a%00", "/v1/operations/op_%00", "/v1/publications/%00"])
def test_what_no_database_can_look_for_is_refused_in_the_address(service: Service, address: str) -> None:
    with service.client(ADMIN) as admin:
        problem(admin.get(address), 422, "request-invalid")


@pytest.mark.parametrize("text", [r"\u0000", r"\ud800"])
def test_what_no_database_can_keep_is_refused_however_deep_in_a_body(service: Service, text: str) -> None:
    asked = r'{"project": "bikes", "workspace": "dev", "model": "main.bikes.m", "version": 1, "rows": [{"x": "?"}]}'
    headers = {"Idempotency-Key": "deep", "Content-Type": "application/json"}
    with service.client(ALICE) as alice:
        answer = alice.post("/v1/scoring-runs", content=asked.replace("?", text), headers=headers)
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["code"] in ("request-invalid", "body-unreadable"), answer.text


def test_a_key_with_one_wrong_character_is_refused(service: Service) -> None:
    key = service.key(ALICE)
    wrong = key[:25] + ("0" if key[25] != "0" else "1") + key[26:]

    problem(httpx.get(f"{service.url}/v1/me", headers={"Authorization": f"Bearer {wrong}"}), 401, "unauthenticated")


def test_an_expired_key_is_refused_like_an_unknown_one(service: Service) -> None:
    headers = {"Authorization": f"Bearer {service.key(ALICE, days=-1)}"}

    problem(httpx.get(f"{service.url}/v1/me", headers=headers), 401, "unauthenticated")


def test_a_revoked_key_stops_working_within_seconds(service: Service) -> None:
    made = service.command("keys", "create", BOB)
    key, client = made.output.splitlines()[-1], httpx.Client(base_url=service.url)
    headers = {"Authorization": f"Bearer {key}"}
    assert client.get("/v1/me", headers=headers).status_code == 200

    assert service.command("keys", "revoke", key.split("_")[1]).code == 0

    problem(_until_refused(client, headers), 401, "unauthenticated")


def _until_refused(client: httpx.Client, headers: dict[str, str]) -> httpx.Response:
    deadline = time.monotonic() + 10
    while (answer := client.get("/v1/me", headers=headers)).status_code == 200:
        assert time.monotonic() < deadline, "the revoked key still works"
        time.sleep(0.05)
    return answer


def test_no_secret_of_a_key_is_kept_or_logged(service: Service) -> None:
    key = service.key(ALICE)
    service.client(ALICE).get("/v1/me")

    kept = b"".join(path.read_bytes() for path in (service.folder / "data").iterdir())
    assert key.split("_")[2].encode() not in kept
    assert key.split("_")[2] not in service.output()
    assert key.split("_")[1].encode() in kept


def test_a_key_is_for_a_person_or_a_declared_service_account(service: Service) -> None:
    assert service.command("keys", "create", "service:unheard-of").code == 1


def test_a_key_limited_to_a_project_is_good_for_that_project_alone(service: Service) -> None:
    def projects(principal: str, project: str) -> list[str]:
        return [item["name"] for item in service.client(principal, project).get("/v1/me").json()["projects"]]

    assert projects(ALICE, "bikes") == ["bikes"]
    assert projects(ALICE, "trains") == []
    assert service.client(ADMIN, "bikes").get("/v1/me").json()["is_admin"] is False


def test_each_caller_sees_its_own_projects(service: Service) -> None:
    def names(principal: str) -> list[str]:
        return [item["name"] for item in service.client(principal).get("/v1/projects").json()["items"]]

    assert names(ALICE) == names(ROBOT) == ["bikes"]
    assert names(BOB) == ["trains"]
    assert names("person:stranger@example.test") == []
    assert names(ADMIN) == ["bikes", "trains"]


def test_an_unknown_path_is_a_problem_too(service: Service) -> None:
    assert problem(httpx.get(f"{service.url}/v2/nothing"), 404, "route-not-found")["path"] == "/v2/nothing"


def test_a_wrong_method_is_told_which_ones_there_are(service: Service) -> None:
    answer = service.client(ALICE).delete("/v1/training-runs")

    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, POST"


def test_a_verb_is_never_taken_for_an_id(service: Service) -> None:
    answer = service.client(ALICE).get("/v1/operations/op_1:cancel")

    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize("body", [b"{", b"\xff\xfe", b"[1,", b'{"a":}'])
def test_a_body_that_is_not_json_is_told_apart_from_one_that_does_not_fit(service: Service, body: bytes) -> None:
    headers = {"Idempotency-Key": "broken", "Content-Type": "application/json"}

    problem(service.client(ALICE).post("/v1/training-runs", content=body, headers=headers), 400, "body-unreadable")


def test_every_place_that_does_not_fit_is_pointed_at(service: Service) -> None:
    body = {"project": "bikes", "workspace": "dev", "target": 3, "max_trials": True, "colour": "red"}

    answer = service.client(ALICE).post("/v1/training-runs", json=body, headers={"Idempotency-Key": "misfit"})

    errors = problem(answer, 422, "request-invalid")["errors"]
    assert isinstance(errors, list)
    assert {error["pointer"] for error in errors} >= {"/target", "/max_trials", "/colour", "/data", "/model"}


def test_starting_slow_work_needs_a_key_of_its_own(service: Service) -> None:
    errors = problem(service.client(ALICE).post("/v1/training-runs", json={}), 422, "request-invalid")["errors"]

    assert isinstance(errors, list)
    assert "Idempotency-Key" in {error["pointer"] for error in errors}


def test_a_body_of_20_mb_is_refused_before_it_is_read(service: Service) -> None:
    answer = service.client(ALICE).post(
        "/v1/training-runs", content=b" " * 20_000_000, headers={"Idempotency-Key": "large"}
    )

    assert problem(answer, 413, "body-too-large")["limit_bytes"] == 1024 * 1024


def test_a_body_without_a_length_is_counted_while_it_comes(service: Service) -> None:
    with socket.create_connection(("127.0.0.1", service.port)) as connection:
        head = f"POST /v1/training-runs HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {service.key(ALICE)}\r\n"
        connection.sendall(head.encode() + b"Idempotency-Key: k\r\nTransfer-Encoding: chunked\r\n\r\n")
        try:
            for _ in range(64):
                connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
        except OSError:
            pass
        assert b" 413 " in connection.recv(4096)


def test_a_page_token_that_was_made_up_is_refused(service: Service) -> None:
    client = service.client(ALICE)

    problem(client.get("/v1/operations", params={"page_token": "bm9uc2Vuc2U"}), 400, "page-token-invalid")
    problem(client.get("/v1/operations", params={"page_token": "\x01"}), 400, "page-token-invalid")
    for after in ("yesterday|op_1", "2026-11-23T10:00:00|op_1", "2026-11-23T10:00:00+00:00|op_\0", "|"):
        token = pages.encode(after, "operations", {})
        problem(client.get("/v1/operations", params={"page_token": token}), 400, "page-token-invalid")


def test_refusals_are_in_the_trail_and_repeated_ones_are_counted(service: Service) -> None:
    client = service.client(BOB)
    for _ in range(5):
        problem(_train(client, "bikes", "main.bikes.demand"), 404, "project-not-found")
        problem(_train(client, "trains", "main.bikes.demand"), 403, "not-in-project")

    asked: dict[str, str | int] = {"principal": BOB, "page_size": 200}
    events = service.client(ADMIN).get("/v1/audit-events", params=asked).json()["items"]
    # Other tests have Bob refused as well; one row for each minute is what counting means.
    wanted = {"refused_code": "not-in-project", "action": "POST /v1/training-runs"}
    refused = [event for event in events if wanted.items() <= event.items()]
    assert sum(event["count"] for event in refused) >= 5
    minutes = {event["created_at"][:16] for event in refused}
    assert len(refused) == len(minutes)


def _train(client: httpx.Client, project: str, model: str) -> httpx.Response:
    body = {
        "project": project,
        "workspace": "dev",
        "data": "/Volumes/main/trains/files/a.csv",
        "target": "y",
        "model": model,
        "max_trials": 2,
    }
    return client.post("/v1/training-runs", json=body, headers={"Idempotency-Key": "refused"})


def test_the_pages_for_people_ask_no_other_host(service: Service) -> None:
    for path in ("/docs", "/problems/not-in-project"):
        page = httpx.get(service.url + path)
        assert page.status_code == 200
        assert "http://" not in page.text
        assert "https://" not in page.text
    for asset in ("swagger-ui-bundle.js", "swagger-ui.css"):
        assert len(httpx.get(f"{service.url}/docs/assets/{asset}").content) > 100_000


def test_an_explained_problem_says_what_it_means(service: Service) -> None:
    assert "whether it exists or not" in httpx.get(f"{service.url}/problems/not-in-project").text
    problem(httpx.get(f"{service.url}/problems/no-such-code"), 404, "route-not-found")


def test_requests_are_counted_by_route_and_not_by_what_callers_make_up(service: Service) -> None:
    httpx.get(f"{service.url}/made/up/path")
    service.client(ALICE).get("/v1/operations/op_made_up")

    metrics = httpx.get(f"{service.url}/metrics").text
    assert 'route="/v1/operations/{operation_id:id}"' in metrics
    assert "made" not in metrics


def test_an_unreachable_workspace_is_no_fault_of_the_caller(service: Service) -> None:
    answer = _train(service.client(BOB), "trains", "main.trains.delay")

    # Other tests of this worker may have met the same silence before.
    assert answer.json()["code"] in {"workspace-unavailable", "workspace-circuit-open"}
    body = problem(answer, 503, answer.json()["code"])
    assert body["workspace"] == "dev"
    assert body["retryable"] is True
    assert "127.0.0.1" not in json.dumps(body)


def test_an_invalid_configuration_keeps_the_old_one_in_force_and_says_so(service: Service) -> None:
    good = service.configuration_path.read_text()
    try:
        service.configuration_path.write_text("projects: {bikes: {colour: red}}")
        assert "colour" in str(httpx.get(f"{service.url}/readyz").json()["configuration"]["mistakes"])
        assert service.client(ALICE).get("/v1/me").json()["projects"][0]["name"] == "bikes"
    finally:
        service.configuration_path.write_text(good)
    assert httpx.get(f"{service.url}/readyz").json()["configuration"]["in_force"] is True
