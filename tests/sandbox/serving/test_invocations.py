"""What an endpoint answers: the traffic split, one entity by name, MLflow's own protocol, too many at once."""

import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.sandbox.running import Sandbox
from tests.sandbox.serving.endpoints import create, entity, query, query_entity, settled, split


def test_traffic_is_split_by_percentage(sandbox: Sandbox, model: str, endpoint: str) -> None:
    admin = sandbox.client("prod")
    create(admin, endpoint, entity(model, 1), entity(model, 2), traffic=split(v1=80, v2=20))
    settled(admin, endpoint)
    counted = Counter(query(admin, endpoint).served_model_name for _ in range(100))
    assert 55 < counted["v1"] < 97
    assert counted["v1"] + counted["v2"] == 100


def test_the_scoring_protocol_is_mlflows_own_errors_included(sandbox: Sandbox, model: str, endpoint: str) -> None:
    admin = sandbox.client("prod")
    create(admin, endpoint, entity(model, 1))
    settled(admin, endpoint)
    path = f"/serving-endpoints/{endpoint}/invocations"
    for body in (
        {"dataframe_records": [{"x": 1.0}]},
        {"inputs": {"x": [1.0]}},
        {"instances": [{"x": 1.0}]},
        {"dataframe_split": {"columns": ["x"], "data": [[1.0]]}, "client_request_id": "unit-1"},
    ):
        assert sandbox.call("prod", "POST", path, json=body).json() == {"predictions": [pytest.approx(2.0)]}
    csv = sandbox.call("prod", "POST", path, data="x\n1.0\n", headers={"content-type": "text/csv"})
    assert csv.json() == {"predictions": [pytest.approx(2.0)]}
    for data in ("{", "{}", json.dumps({"dataframe_split": {"columns": ["y"], "data": [[1.0]]}})):
        refused = sandbox.call("prod", "POST", path, data=data, headers={"content-type": "application/json"})
        assert refused.status_code == 400
        assert refused.json()["error_code"] in ("BAD_REQUEST", "INVALID_PARAMETER_VALUE")
    big = sandbox.call("prod", "POST", path, data=b"x" * (16 * 1024 * 1024 + 1))
    assert (big.status_code, big.json()["error_code"]) == (400, "BAD_REQUEST")
    with sandbox.switched(too_large_status=413):
        assert sandbox.call("prod", "POST", path, data=b"x" * (16 * 1024 * 1024 + 1)).status_code == 413
    assert query_entity(sandbox, endpoint, "v9").status_code == 404
    assert query_entity(sandbox, f"{endpoint}_none", "v1").status_code == 404


def test_more_requests_at_once_than_an_entity_has_room_for_are_throttled(
    sandbox: Sandbox, model: str, endpoint: str
) -> None:
    create(sandbox.client("prod"), endpoint, entity(model, 1))
    settled(sandbox.client("prod"), endpoint)
    rows = {"dataframe_split": {"columns": ["x"], "data": [[1.0]] * 50_000}}
    path = f"/serving-endpoints/{endpoint}/invocations"
    with sandbox.switched(retry_after_seconds=1), ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: sandbox.call("prod", "POST", path, json=rows), range(24)))
    counted = Counter(answer.status_code for answer in answers)
    assert set(counted) == {200, 429}
    throttled = next(answer for answer in answers if answer.status_code == 429)
    assert throttled.json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"
    assert throttled.headers["Retry-After"] == "1"
