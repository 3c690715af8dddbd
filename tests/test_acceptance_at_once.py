"""Fifty requests at once, to one process on SQLite and to two replicas on PostgreSQL: each is answered as it should."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests import postgres
from tests.busy_workspace import TRAINING, busy_workspace
from tests.http.conftest import ALICE
from tests.sandbox.running import unique
from tests.service_process import Service
from tests.two_workspaces import problem

CROWD = 50


@pytest.fixture(params=["sqlite", "postgresql"])
def clients(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[httpx.Client]]:
    """One for each replica of the service; on PostgreSQL there is no worker, so that nothing ends."""
    environment, count = {"TEST_TOKEN": "nothing"}, 1
    if request.param == "postgresql":
        environment, count = {**environment, "CAUSEWAY_DATABASE_URL": postgres.new_database()}, 2
    with busy_workspace() as configured:
        replicas = [Service(tmp_path / str(number), configured, environment) for number in range(count)]
        yield [replica.client(ALICE) for replica in replicas]
        for replica in replicas:
            replica.stop()


def train_at_once(clients: list[httpx.Client], key: str | None = None, **more: Any) -> list[httpx.Response]:
    """The answers to trainings of one model, asked of all replicas in turn."""

    def ask(number: int) -> httpx.Response:
        headers = {"Idempotency-Key": key or unique("key")}
        return clients[number % len(clients)].post("/v1/training-runs", json=TRAINING | more, headers=headers)

    with ThreadPoolExecutor(CROWD) as crowd:
        return list(crowd.map(ask, range(CROWD)))


def codes(answers: list[httpx.Response]) -> set[int]:
    return {answer.status_code for answer in answers}


def test_one_key_is_one_operation(clients: list[httpx.Client]) -> None:
    answers = train_at_once(clients, key=unique("key"))

    assert codes(answers) == {202}, [answer.text for answer in answers]
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert len(clients[-1].get("/v1/training-runs").json()["items"]) == 1
    events = clients[0].get("/v1/audit-events").json()["items"]
    assert [event["action"] for event in events].count("train requested") == 1


def test_of_many_for_one_model_one_is_accepted_and_the_others_hear_of_it(clients: list[httpx.Client]) -> None:
    answers = train_at_once(clients)

    accepted = [answer.json()["id"] for answer in answers if answer.status_code == 202]
    assert len(accepted) == 1
    refused = [problem(answer, 409, "operation-in-progress") for answer in answers if answer.status_code != 202]
    assert [one["operation"] for one in refused] == accepted * (CROWD - 1)


def test_all_in_line_wait_for_the_one_that_came_first(clients: list[httpx.Client]) -> None:
    answers = train_at_once(clients, on_conflict="queue")

    assert codes(answers) == {202}, [answer.text for answer in answers]
    operations = clients[0].get("/v1/operations", params={"page_size": 100}).json()["items"]
    assert {one["id"] for one in operations} == {answer.json()["id"] for answer in answers}
    first = [one["id"] for one in operations if one["waiting_for"] is None]
    assert len(first) == 1
    assert [one["waiting_for"] for one in operations if one["id"] != first[0]] == first * (CROWD - 1)
