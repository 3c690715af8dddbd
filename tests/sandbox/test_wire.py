"""Is the sandbox strict, and does it misbehave exactly as it was told?"""

import time
from typing import Any

import pytest
import requests
from databricks.sdk.errors import InvalidParameterValue, NotFound

from tests.sandbox.running import Sandbox, Unique

SCIM = "/api/2.0/preview/scim/v2/ServicePrincipals"
CATALOGS = "/api/2.1/unity-catalog/catalogs"


def fault(sandbox: Sandbox, **rule: object) -> None:
    assert sandbox.call("dev", "POST", "/__sandbox/faults", json=rule).status_code == 200


def test_an_unknown_path_is_a_501_that_names_itself(sandbox: Sandbox) -> None:
    answer = sandbox.call("dev", "GET", "/api/2.0/clusters/list")
    assert answer.status_code == 501
    assert answer.json()["error_code"] == "NOT_IMPLEMENTED"
    assert "GET /api/2.0/clusters/list" in answer.json()["message"]


def test_a_known_path_with_another_method_is_a_501(sandbox: Sandbox) -> None:
    answer = sandbox.call("dev", "PUT", CATALOGS, json={})
    assert answer.status_code == 501
    assert f"PUT {CATALOGS}" in answer.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "options", "named"),
    [
        ("POST", CATALOGS, {"json": {"name": "a", "nmae": "b"}}, "nmae"),
        ("POST", CATALOGS, {"json": {}}, "name"),
        ("POST", CATALOGS, {"json": {"name": 3}}, "name"),
        ("GET", CATALOGS, {"params": {"max_result": "1"}}, "max_result"),
        ("GET", CATALOGS, {"params": {"max_results": "many"}}, "max_results"),
        ("GET", CATALOGS, {"params": {"include_browse": "perhaps"}}, "include_browse"),
        ("GET", CATALOGS, {"params": {"max_results": "0", "page_token": "made-up"}}, "page_token"),
        ("PATCH", f"{CATALOGS}/main", {"json": {"isolation_mode": "SOMEWHAT"}}, "isolation_mode"),
        (
            "PATCH",
            "/api/2.1/unity-catalog/permissions/catalog/main",
            {"json": {"changes": [{"principal": "x", "add": ["RULE"]}]}},
            "changes[0].add[0]",
        ),
        (
            "PATCH",
            "/api/2.1/unity-catalog/permissions/catalog/main",
            {"json": {"changes": [{"principle": "x"}]}},
            "changes[0].principle",
        ),
        ("POST", "/api/2.0/mlflow/unity-catalog/registered-models/create", {"json": {"name": "x", "y": 1}}, "y"),
    ],
)
def test_what_is_not_declared_is_refused_by_name(
    sandbox: Sandbox, method: str, path: str, options: dict[str, Any], named: str
) -> None:
    answer = sandbox.call("dev", method, path, **options)
    assert answer.status_code == 400, answer.text
    assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert named in answer.json()["message"]


@pytest.mark.parametrize("body", [b"{", b"[]", b"\xff"])
def test_a_body_that_is_no_json_object_is_a_malformed_request(sandbox: Sandbox, body: bytes) -> None:
    answer = sandbox.call("dev", "POST", CATALOGS, data=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "MALFORMED_REQUEST")


def test_without_a_bearer_it_is_a_401_and_with_a_wrong_one_a_403(sandbox: Sandbox) -> None:
    nobody = requests.get(sandbox.workspaces["dev"]["host"] + CATALOGS, timeout=10)
    stranger = sandbox.call("dev", "GET", CATALOGS, token="dapi" + "0" * 32)
    foreigner = sandbox.call("dev", "GET", CATALOGS, token=sandbox.workspaces["prod"]["token"])
    assert (nobody.status_code, nobody.json()["error_code"]) == (401, "UNAUTHENTICATED")
    for answer in (stranger, foreigner):
        assert (answer.status_code, answer.json()["error_code"]) == (403, "PERMISSION_DENIED")
        assert "Invalid access token" in answer.json()["message"]


def test_the_levers_of_the_sandbox_are_the_admins_alone(sandbox: Sandbox) -> None:
    person = sandbox.person("dev")
    assert sandbox.call("dev", "GET", "/__sandbox/journal", token=person.token).status_code == 403
    assert sandbox.call("dev", "POST", "/__sandbox/reset", token=person.token).status_code == 403


def test_a_paged_list_begins_with_an_empty_page_and_still_tells_everything(sandbox: Sandbox, unique: Unique) -> None:
    made = {sandbox.client("dev").catalogs.create(unique("c")).name for _ in range(3)}
    first = sandbox.call("dev", "GET", CATALOGS, params={"max_results": 0}).json()
    assert "catalogs" not in first
    assert first["next_page_token"]
    query = {"max_results": 1, "page_token": first["next_page_token"]}
    second = sandbox.call("dev", "GET", CATALOGS, params=query).json()
    assert len(second["catalogs"]) == 1
    assert made <= {catalog.name for catalog in sandbox.client("dev").catalogs.list(max_results=2)}


def test_a_lost_answer_is_a_closed_connection_after_the_work_was_done(sandbox: Sandbox, unique: Unique) -> None:
    name = unique("lost")
    fault(sandbox, kind="lose-answer", method="POST", path=SCIM, workspace="dev")
    with pytest.raises(requests.ConnectionError):
        sandbox.call("dev", "POST", SCIM, json={"displayName": name})
    made = [
        effect for effect in sandbox.effects("service-principal-created") if effect["details"]["display_name"] == name
    ]
    assert len(made) == 1
    seen = sandbox.call("dev", "GET", "/__sandbox/requests", params={"path": SCIM, "method": "POST"}).json()
    assert seen["requests"][-1]["status"] == 0


def test_an_upload_whose_answer_is_lost_is_there(sandbox: Sandbox, unique: Unique) -> None:
    schema = sandbox.schema("dev")
    admin = sandbox.client("dev")
    catalog, name = schema.split(".")
    sandbox.call(
        "dev",
        "POST",
        "/api/2.1/unity-catalog/volumes",
        json={"catalog_name": catalog, "schema_name": name, "name": "v", "volume_type": "MANAGED"},
    )
    path = f"/Volumes/{catalog}/{name}/v/a.txt"
    fault(sandbox, kind="lose-answer", method="PUT", path=f"*{path}")
    with pytest.raises(requests.ConnectionError):
        sandbox.call("dev", "PUT", f"/api/2.0/fs/files{path}", data=b"whole")
    assert admin.files.download(path).contents.read() == b"whole"


def test_a_refusal_hits_the_calls_after_the_offset_as_often_as_told(sandbox: Sandbox, unique: Unique) -> None:
    path = f"{CATALOGS}/{unique('none')}"
    fault(sandbox, kind="refuse", path=path, offset=1, times=2, status=503, error_code="TEMPORARILY_UNAVAILABLE")
    assert [sandbox.call("dev", "GET", path).status_code for _ in range(4)] == [404, 503, 503, 404]


def test_throttling_says_when_to_come_back(sandbox: Sandbox, unique: Unique) -> None:
    path = f"{CATALOGS}/{unique('none')}"
    fault(sandbox, kind="throttle", path=path, retry_after=7)
    answer = sandbox.call("dev", "GET", path)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "7")
    assert answer.json()["error_code"] == "REQUEST_LIMIT_EXCEEDED"


def test_a_delayed_call_is_answered_late(sandbox: Sandbox, unique: Unique) -> None:
    path = f"{CATALOGS}/{unique('none')}"
    fault(sandbox, kind="delay", path=path, delay_seconds=0.4)
    begun = time.monotonic()
    assert sandbox.call("dev", "GET", path).status_code == 404
    assert time.monotonic() - begun >= 0.4


def test_journal_and_requests_can_be_read_from_where_one_stopped(sandbox: Sandbox, unique: Unique) -> None:
    admin, before = sandbox.client("dev"), len(sandbox.effects())
    made = [admin.catalogs.create(unique("c")).name for _ in range(2)]
    both = [name for catalog in made for name in (catalog, f"{catalog}.default")]
    assert [effect["name"] for effect in sandbox.effects(offset=before)] == both
    catalogs = len(sandbox.effects("catalog-created"))
    assert [effect["name"] for effect in sandbox.effects("catalog-created", catalogs - 1)] == made[1:]
    seen = sandbox.call("dev", "GET", "/__sandbox/requests", params={"path": CATALOGS}).json()["requests"]
    since = {"path": CATALOGS, "since": seen[-1]["at"]}
    last = sandbox.call("dev", "GET", "/__sandbox/requests", params=since).json()["requests"]
    assert last == [one for one in seen if one["at"] >= seen[-1]["at"]]


def test_an_unknown_kind_of_fault_is_refused(sandbox: Sandbox) -> None:
    assert sandbox.call("dev", "POST", "/__sandbox/faults", json={"kind": "explode"}).status_code == 400


def test_faults_can_hit_discovery_and_tokens_too(sandbox: Sandbox) -> None:
    fault(sandbox, kind="refuse", path="/.well-known/databricks-config", status=503)
    assert sandbox.call("dev", "GET", "/.well-known/databricks-config").status_code == 503
    assert sandbox.call("dev", "GET", "/.well-known/databricks-config").status_code == 200


def test_requests_are_counted_by_path(sandbox: Sandbox, unique: Unique) -> None:
    path = f"{CATALOGS}/{unique('none')}"
    for _ in range(3):
        sandbox.call("dev", "GET", path)
    seen = sandbox.call("dev", "GET", "/__sandbox/requests", params={"path": path}).json()
    assert seen["count"] == 3
    assert seen["requests"][0]["status"] == 404
    assert seen["requests"][0]["principal"] == "admin@aws.example"


def test_errors_arrive_as_the_sdks_own_classes(sandbox: Sandbox, unique: Unique) -> None:
    admin = sandbox.client("dev")
    with pytest.raises(NotFound) as missing:
        admin.catalogs.get(unique("none"))
    assert missing.value.error_code == "CATALOG_DOES_NOT_EXIST"
    with pytest.raises(InvalidParameterValue):
        admin.catalogs.create("no spaces please")
