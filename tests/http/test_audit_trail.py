"""The trail over HTTP: who may verify it, and who may take which part of it away as a file."""

import asyncio
import base64
import csv
import io
import json
import time
from collections import Counter

import httpx
import pytest
from fastapi import FastAPI, Request

from app.domain import audit
from app.errors import NotInProject
from app.http.conventions import pages, problems
from app.store import connection
from app.store.audit_events import append
from app.store.database import transaction
from tests.http.conftest import ADMIN, ALICE, BOB, CAROL
from tests.service_process import Service

VIEWER = "person:viewer@example.test"
HOSTILE = ("=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "＝1", "  =1", "=1\n=2")
SEALED_WITHIN_SECONDS = 30


@pytest.fixture(scope="module")
def events(service: Service) -> list[str]:
    """The ids of events of both projects, with resources that a spreadsheet would run."""
    made = [
        audit.event(by, "publish requested", project, resource, share='a,"b"\nc')
        for by, project in ((ALICE, "bikes"), (BOB, "trains"))
        for resource in HOSTILE
    ]
    connection.connect(service.database_url)
    with transaction() as session:
        for event in made:
            append(session, event)
    connection.disconnect()
    return [event.id for event in made]


def verify(client: httpx.Client) -> httpx.Response:
    return client.post("/v1/audit-events:verify")


def export(client: httpx.Client, **body: str) -> httpx.Response:
    answer = client.post("/v1/audit-events:export", json=body)
    assert answer.status_code == 200, answer.text
    return answer


def lines(answer: httpx.Response) -> list[dict[str, object]]:
    return [json.loads(line) for line in answer.text.splitlines()]


def test_an_admin_verifies_what_the_sealer_sealed(service: Service, events: list[str]) -> None:
    client, deadline = service.client(ADMIN), time.monotonic() + SEALED_WITHIN_SECONDS
    while None in [line["number"] for line in lines(export(client)) if line["id"] in events]:
        assert time.monotonic() < deadline, "the events were not sealed"
        time.sleep(0.05)

    body = verify(client).json()

    assert (body["sound"], body["complete"], body["findings"]) == (True, True, [])
    assert body["events"] >= len(events)
    assert (body["keys"], body["signed_batches"]) == ([], 0)
    assert "no signature was checked" in body["limits"][0]
    told = httpx.get(f"{service.url}/readyz").json()["audit"]
    assert (told["signs_with"], told["mistake"], told["heads_leave"]) == (None, None, False)
    assert "audit head" in service.output()


def test_nobody_but_an_admin_verifies_and_the_refusal_is_in_the_trail(service: Service) -> None:
    for client in (service.client(VIEWER), service.client(ALICE), service.client(ADMIN, "bikes")):
        answer = verify(client)
        assert (answer.status_code, answer.json()["code"]) == (403, "admin-required"), answer.text
    assert verify(service.client(None)).json()["code"] == "unauthenticated"

    told = lines(export(service.client(VIEWER)))
    assert "admin-required" in {line["refused_code"] for line in told if line["principal"] == VIEWER}


def test_a_refusal_in_several_projects_is_an_event_of_each_and_none_names_another(service: Service) -> None:
    answer = service.client(CAROL).get("/v1/workspaces/prod/serving-endpoints/nobodys")
    assert (answer.json()["code"], answer.json()["projects"]) == ("not-in-project", ["bikes", "trains"])
    unlinked = {"project": "trains", "workspace": "dev", "provider": {"workspace": "prod"}, "audience": "azure"}
    assert service.client(BOB).post("/v1/acceptances:plan", json=unlinked).json()["code"] == "link-not-declared"

    def told(who: str) -> set[tuple[str, str | None]]:
        listed = service.client(who).get("/v1/audit-events", params={"page_size": 200}).json()["items"]
        return {(item["principal"], item["project"]) for item in listed if item["refused_code"]}

    assert {(CAROL, "bikes")} == {event for event in told(ALICE) if event[0] == CAROL}
    assert {(CAROL, "trains"), (BOB, "trains")} <= told(BOB)
    assert "trains" not in {project for _, project in told(ALICE)}
    assert {(CAROL, "bikes"), (CAROL, "trains")} == {event for event in told(ADMIN) if event[0] == CAROL}


def test_a_key_that_is_limited_to_a_project_reads_nothing_of_its_owners_other_ones(service: Service) -> None:
    service.client(CAROL).get("/v1/workspaces/prod/serving-endpoints/nobodys-either")
    limited = service.client(CAROL, "bikes")

    listed = limited.get("/v1/audit-events", params={"page_size": 200}).json()["items"]

    assert (CAROL, "bikes") in {(one["principal"], one["project"]) for one in listed}
    assert {one["project"] for one in [*listed, *lines(export(limited))]} == {"bikes"}
    assert {"bikes", "trains"} <= {line["project"] for line in lines(export(service.client(CAROL)))}


def test_a_refusal_that_cannot_be_written_down_is_no_refusal_yet() -> None:
    app = FastAPI()
    problems.install(app)

    @app.get("/refused")
    def refuse(request: Request) -> None:
        request.state.principal, request.state.request_id = CAROL, "req_1"
        raise NotInProject(project="bikes", kind="endpoint", name="x", workspace="prod")

    async def ask() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://causeway") as client:
            return await client.get("/refused")

    # Nothing listens there.
    connection.connect("postgresql+psycopg://nobody@127.0.0.1:9/nothing")
    try:
        answer = asyncio.run(ask())
    finally:
        connection.disconnect()
    assert (answer.status_code, answer.json()["code"]) == (503, "database-unavailable")


def test_an_export_holds_everything_for_an_admin_and_the_own_projects_for_others(
    service: Service, events: list[str]
) -> None:
    of_bikes, of_trains = set(events[: len(HOSTILE)]), set(events[len(HOSTILE) :])

    def exported(*who: str, **body: str) -> set[object]:
        return {line["id"] for line in lines(export(service.client(*who), **body))}

    assert set(events) <= exported(ADMIN)
    assert exported(VIEWER) & set(events) == of_bikes
    assert exported(BOB) & set(events) == of_trains
    assert exported(ADMIN, "bikes") & set(events) == set(), "a limited key is no admin's"
    assert exported(ADMIN, project="trains") & set(events) == of_trains
    assert exported(BOB, project="bikes") == set()
    assert exported(ADMIN, since="9999-12-31T23:59:59-14:00") == set()
    assert set(events) <= exported(ADMIN, since="0001-01-01T00:00:00+14:00")


def test_who_took_the_trail_away_or_verified_it_is_in_the_trail_of_whom_it_concerns(service: Service) -> None:
    def count(who: str) -> Counter[tuple[object, ...]]:
        listed = service.client(who).get("/v1/audit-events", params={"page_size": 200}).json()["items"]
        read = [item for item in listed if item["action"] in {"trail exported", "trail verified"}]
        return Counter((item["action"], item["principal"], item["project"]) for item in read)

    before = {who: count(who) for who in (ADMIN, ALICE, BOB)}
    taken = export(service.client(ADMIN))
    export(service.client(CAROL))
    export(service.client(CAROL), project="bikes", format="csv")
    export(service.client(BOB), project="bikes", since="2026-01-01T00:00:00Z")
    sound = verify(service.client(ADMIN)).json()

    by = "trail exported"
    told = {who: count(who) - before[who] for who in before}
    assert told[ALICE] == {(by, CAROL, "bikes"): 2}
    assert told[BOB] == {(by, CAROL, "trains"): 1, (by, BOB, None): 1}, "what bob may not see, he did not read"
    of_bob_and_carol = {(by, CAROL, "bikes"): 2, (by, CAROL, "trains"): 1, (by, BOB, None): 1}
    assert told[ADMIN] == Counter({(by, ADMIN, None): 1, ("trail verified", ADMIN, None): 1, **of_bob_and_carol})
    newest, *others = service.client(ADMIN).get("/v1/audit-events", params={"page_size": 10}).json()["items"]
    outcome = {name: sound[name] for name in ("sound", "complete", "events", "last_batch", "digest")}
    assert newest["details"] == {**outcome, "findings": 0}
    assert others[0]["details"] == {"format": "ndjson", "only_project": "bikes", "since": "2026-01-01T00:00:00+00:00"}
    held = Counter((line["action"], line["principal"], line["project"]) for line in lines(taken))
    assert held[by, ADMIN, None] == before[ADMIN][by, ADMIN, None], "a file ends before the event that tells of it"


def test_no_text_in_a_table_is_a_formula_and_every_text_is_whole(service: Service, events: list[str]) -> None:
    answer = export(service.client(ADMIN), format="csv", project="bikes")

    assert answer.headers["content-type"].startswith("text/csv")
    rows = {row["id"]: row for row in csv.DictReader(io.StringIO(answer.text, newline=""))}
    assert [rows[event_id]["resource"] for event_id in events[: len(HOSTILE)]] == [f"'{text}" for text in HOSTILE]
    assert json.loads(rows[events[0]]["details"]) == {"share": 'a,"b"\nc'}
    assert rows[events[0]]["refused_code"] == ""


def test_a_page_token_that_was_made_up_is_told_so_whatever_is_in_it(service: Service) -> None:
    for made_up in ("5", "null", "{}", "[1]", "[" * 700 + "]" * 700, '["2026-11-26|x", 1]', "\xff", ""):
        token = base64.urlsafe_b64encode(made_up.encode("latin-1")).decode().rstrip("=")
        answer = service.client(ADMIN).get("/v1/audit-events", params={"page_token": token[:1000]})
        assert answer.json().get("code") == "page-token-invalid", (made_up, answer.text)
    # Whoever knows how tokens are made can make one that names any place.
    for place in ("0001-01-01T00:00:00+14:00|evt_1", "2026-11-26T00:00:00+00:00|\ud800", "2026-11-26T00:00:00|evt_1"):
        params = {"page_token": pages.encode(place, "audit-events", {})}
        answer = service.client(ADMIN).get("/v1/audit-events", params=params)
        assert answer.json().get("code") == "page-token-invalid", (place, answer.text)


def test_a_request_for_something_else_is_refused(service: Service) -> None:
    client = service.client(ADMIN)
    for body in (
        {"format": "xlsx"},
        {"columns": ["id"]},
        {"since": "yesterday"},
        {"since": "2026-11-26T10:00:00"},
        {"since": 0},
        {"since": "0"},
        {"since": None},
        {"project": None},
        {"project": "bikes\0"},
    ):
        assert client.post("/v1/audit-events:export", json=body).json()["code"] == "request-invalid"
