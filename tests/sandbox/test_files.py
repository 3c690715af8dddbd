"""The Files API: volumes with their privileges, uploads in parts, and the folders of models and experiments."""

import http.client
import io
import os
from collections.abc import Callable
from typing import Any

import pytest
from databricks.sdk.errors import AlreadyExists, BadRequest, NotFound, PermissionDenied
from databricks.sdk.service.catalog import VolumeType
from databricks.sdk.service.ml import ExperimentAccessControlRequest, ExperimentPermissionLevel

from tests.sandbox.running import Sandbox


def make_volume(sandbox: Sandbox) -> tuple[str, str]:
    """(full name, folder) of a new volume of the admin."""
    schema = sandbox.schema("dev")
    catalog, name = schema.split(".")
    sandbox.client("dev").volumes.create(catalog, name, "v", VolumeType.MANAGED)
    return f"{schema}.v", f"/Volumes/{catalog}/{name}/v"


def read(client: Any, path: str) -> bytes:
    return bytes(client.files.download(path).contents.read())


def test_files_and_directories_come_and_go(sandbox: Sandbox) -> None:
    admin, (_, folder) = sandbox.client("dev"), make_volume(sandbox)
    assert list(admin.files.list_directory_contents(folder)) == []
    admin.files.upload(f"{folder}/a/b/rows.json", io.BytesIO(b"[1, 2]"))
    assert read(admin, f"{folder}/a/b/rows.json") == b"[1, 2]"
    metadata = admin.files.get_metadata(f"{folder}/a/b/rows.json")
    assert metadata.content_length == 6
    assert metadata.last_modified.endswith("GMT")
    admin.files.create_directory(f"{folder}/empty")
    found = {entry.path: entry.is_directory for entry in admin.files.list_directory_contents(folder)}
    assert found == {f"{folder}/a/": True, f"{folder}/empty/": True}
    with pytest.raises(BadRequest):
        admin.files.delete_directory(f"{folder}/a")
    admin.files.delete_directory(f"{folder}/empty")
    admin.files.delete(f"{folder}/a/b/rows.json")
    gone: list[Callable[[], Any]] = [
        lambda: read(admin, f"{folder}/a/b/rows.json"),
        lambda: admin.files.get_metadata(f"{folder}/a/b/rows.json"),
        lambda: admin.files.get_directory_metadata(f"{folder}/empty"),
        lambda: admin.files.delete(f"{folder}/a/b/rows.json"),
    ]
    for missing in gone:
        with pytest.raises(NotFound):
            missing()


def test_a_part_of_a_file_can_be_read(sandbox: Sandbox) -> None:
    _, folder = make_volume(sandbox)
    sandbox.client("dev").files.upload(f"{folder}/a", io.BytesIO(b"0123456789"))
    answer = sandbox.call("dev", "GET", f"/api/2.0/fs/files{folder}/a", headers={"Range": "bytes=2-4"})
    assert (answer.status_code, answer.content) == (206, b"234")


def test_a_file_is_overwritten_only_when_told(sandbox: Sandbox) -> None:
    admin, (_, folder) = sandbox.client("dev"), make_volume(sandbox)
    admin.files.upload(f"{folder}/a", io.BytesIO(b"first"))
    with pytest.raises(AlreadyExists):
        admin.files.upload(f"{folder}/a", io.BytesIO(b"second"), overwrite=False)
    assert read(admin, f"{folder}/a") == b"first"
    admin.files.upload(f"{folder}/a", io.BytesIO(b"second"), overwrite=True)
    assert read(admin, f"{folder}/a") == b"second"


def test_a_large_file_goes_up_in_parts(sandbox: Sandbox) -> None:
    admin, (_, folder) = sandbox.client("dev"), make_volume(sandbox)
    content = os.urandom(1024 * 1024) * 60
    admin.files.upload(f"{folder}/large", io.BytesIO(content), overwrite=True)
    assert read(admin, f"{folder}/large") == content
    seen = sandbox.call("dev", "GET", "/__sandbox/requests", params={"path": "/presigned/*", "method": "PUT"}).json()
    assert seen["count"] >= 2
    written = [effect for effect in sandbox.effects("file-written") if effect["name"] == f"{folder}/large"]
    assert [effect["details"]["size"] for effect in written] == [len(content)]


def test_an_upload_in_parts_that_is_given_up_leaves_nothing(sandbox: Sandbox) -> None:
    admin, (_, folder) = sandbox.client("dev"), make_volume(sandbox)
    begun = sandbox.call("dev", "POST", f"/api/2.0/fs/files{folder}/large", params={"action": "initiate-upload"}).json()
    session = {"path": f"{folder}/large", "session_token": begun["multipart_upload"]["session_token"]}
    parts = {**session, "start_part_number": 1, "count": 1}
    part = sandbox.call("dev", "POST", "/api/2.0/fs/create-upload-part-urls", json=parts).json()["upload_part_urls"][0]
    path = part["url"].removeprefix(sandbox.workspaces["dev"]["host"])
    assert sandbox.call("dev", "PUT", path, data=b"x").headers["ETag"]
    given_up = sandbox.call("dev", "POST", "/api/2.0/fs/create-abort-upload-url", json=session).json()
    path = given_up["abort_upload_url"]["url"].removeprefix(sandbox.workspaces["dev"]["host"])
    assert sandbox.call("dev", "DELETE", path).status_code == 200
    completion = {"action": "complete-upload", "upload_type": "multipart", "session_token": session["session_token"]}
    answer = sandbox.call("dev", "POST", f"/api/2.0/fs/files{folder}/large", params=completion, json={"parts": []})
    assert answer.status_code == 404
    with pytest.raises(NotFound):
        read(admin, f"{folder}/large")


def test_reading_and_writing_a_volume_are_two_privileges(sandbox: Sandbox) -> None:
    person, (volume, folder) = sandbox.person("dev"), make_volume(sandbox)
    sandbox.client("dev").files.upload(f"{folder}/a", io.BytesIO(b"a"))
    catalog = volume.partition(".")[0]
    sandbox.grant("dev", "CATALOG", catalog, person.name, "USE_CATALOG", "USE_SCHEMA")
    with pytest.raises(PermissionDenied, match="READ VOLUME"):
        read(person.client, f"{folder}/a")
    sandbox.grant("dev", "VOLUME", volume, person.name, "READ_VOLUME")
    assert read(person.client, f"{folder}/a") == b"a"
    refusals: list[Callable[[], Any]] = [
        lambda: person.client.files.upload(f"{folder}/b", io.BytesIO(b"b")),
        lambda: person.client.files.delete(f"{folder}/a"),
        lambda: person.client.files.create_directory(f"{folder}/d"),
    ]
    for refused in refusals:
        with pytest.raises(PermissionDenied, match="WRITE VOLUME"):
            refused()
    sandbox.grant("dev", "VOLUME", volume, person.name, "WRITE_VOLUME")
    person.client.files.upload(f"{folder}/b", io.BytesIO(b"b"))


@pytest.mark.parametrize(
    "path", ["{0}/%2e%2e/%2e%2e/state.sqlite", "{0}/../../state.sqlite", "/Volumes/main", "/etc/x"]
)
def test_there_is_no_way_out_of_the_known_places(sandbox: Sandbox, path: str) -> None:
    _, folder = make_volume(sandbox)
    known = sandbox.workspaces["dev"]
    # Not by requests: it takes the dots out of a path before it is sent.
    connection = http.client.HTTPConnection(known["host"].removeprefix("http://"), timeout=10)
    headers = {"Authorization": f"Bearer {known['token']}"}
    connection.request("GET", "/api/2.0/fs/files" + path.format(folder), headers=headers)
    assert connection.getresponse().status == 400
    connection.close()


def test_the_files_of_a_ready_version_are_final(sandbox: Sandbox) -> None:
    person = sandbox.person("dev")
    name = f"{sandbox.schema('dev', person)}.m"
    version = sandbox.version("dev", name, person.token)
    folder = f"/Models/{name.replace('.', '/')}/{version}"
    assert [entry.name for entry in person.client.files.list_directory_contents(folder)] == ["MLmodel"]
    with pytest.raises(PermissionDenied, match="final"):
        person.client.files.upload(f"{folder}/MLmodel", io.BytesIO(b"other"), overwrite=True)
    with pytest.raises(PermissionDenied, match="final"):
        person.client.files.delete(f"{folder}/MLmodel")


def test_artifacts_belong_to_whoever_made_the_experiment(sandbox: Sandbox) -> None:
    one, other = sandbox.person("dev"), sandbox.person("dev")
    create = "/api/2.0/mlflow/experiments/create"
    private = {"name": f"/Users/{one.name}/private"}
    made = sandbox.call("dev", "POST", create, token=one.token, json=private).json()["experiment_id"]
    folder = f"/WorkspaceInternal/Mlflow/Artifacts/{made}/Runs/r/artifacts"
    one.client.files.upload(f"{folder}/a", io.BytesIO(b"a"))
    with pytest.raises(PermissionDenied):
        read(other.client, f"{folder}/a")
    level = ExperimentAccessControlRequest(
        service_principal_name=other.name, permission_level=ExperimentPermissionLevel.CAN_READ
    )
    with pytest.raises(PermissionDenied):
        other.client.experiments.update_permissions(made, access_control_list=[level])
    one.client.experiments.update_permissions(made, access_control_list=[level])
    assert read(other.client, f"{folder}/a") == b"a"
    with pytest.raises(PermissionDenied):
        other.client.files.upload(f"{folder}/b", io.BytesIO(b"b"))
    shared = sandbox.call("dev", "POST", create, token=one.token, json={"name": f"/Shared/{one.name}"}).json()
    path = f"/WorkspaceInternal/Mlflow/Artifacts/{shared['experiment_id']}/Runs/r/artifacts/b"
    other.client.files.upload(path, io.BytesIO(b"b"))
