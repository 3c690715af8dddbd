"""Files of volumes: bytes in, bytes out, no address but a file's."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from databricks.sdk.service.catalog import VolumeType

from app.errors import DataNotFound, FileTooLarge, WorkspaceRefused, WorkspaceUnavailable, WrittenNotVisible
from app.workspaces import files
from tests.workspaces.conftest import Answer, Configure, Platform, Stub

VOLUME = "/Volumes/causeway/control/files"


def test_what_is_written_is_read_back_with_folders_made_on_the_way(
    platform: Platform, unique: Callable[[str], str]
) -> None:
    folder = f"{VOLUME}/{unique('folder')}"
    files.ensure_content("dev", f"{folder}/a b/dätä+1.json", b"first")
    files.ensure_content("dev", f"{folder}/a b/dätä+1.json", b"second, longer")
    assert files.get_content("dev", f"{folder}/a b/dätä+1.json") == b"second, longer"
    assert files.get_head("dev", f"{folder}/a b/dätä+1.json", 6) == b"second"
    assert files.find_size("dev", f"{folder}/a b/dätä+1.json") == 14
    assert [(entry.path, entry.is_folder) for entry in files.list_folder("dev", folder)] == [(f"{folder}/a b", True)]
    assert [(entry.path, entry.size) for entry in files.list_folder("dev", f"{folder}/a b")] == [
        (f"{folder}/a b/dätä+1.json", 14)
    ]


def test_a_file_that_is_not_there_is_none_or_not_found(platform: Platform) -> None:
    assert files.find_size("dev", f"{VOLUME}/absent") is None
    assert files.find_content("dev", f"{VOLUME}/absent") is None
    for read in (files.get_content, files.list_folder):
        with pytest.raises(DataNotFound):
            read("dev", f"{VOLUME}/absent")
    with pytest.raises(DataNotFound):
        files.ensure_content("dev", "/Volumes/causeway/control/other/x", b"")


def test_an_empty_file_can_be_written(platform: Platform, unique: Callable[[str], str]) -> None:
    path = f"{VOLUME}/{unique('empty')}"
    files.ensure_content("dev", path, b"")
    assert files.get_content("dev", path) == b""


def test_a_file_larger_than_the_limit_is_refused(platform: Platform, unique: Callable[[str], str]) -> None:
    path = f"{VOLUME}/{unique('large')}"
    files.ensure_content("dev", path, b"x" * 101)
    assert len(files.get_content("dev", path, limit_bytes=101)) == 101
    with pytest.raises(FileTooLarge):
        files.get_content("dev", path, limit_bytes=100)


def test_a_write_whose_answer_is_lost_is_sent_once_and_can_be_repeated(
    platform: Platform, unique: Callable[[str], str]
) -> None:
    path = f"{VOLUME}/{unique('lost')}"
    platform.fault("dev", "lose-answer", "PUT", f"/api/2.0/fs/files{path}")
    with pytest.raises(WorkspaceUnavailable):
        files.ensure_content("dev", path, b"content")
    assert platform.count("dev", "PUT", f"/api/2.0/fs/files{path}") == 1
    files.ensure_content("dev", path, b"content")
    assert files.get_content("dev", path) == b"content"


def test_without_the_right_to_the_volume_the_workspace_refuses(platform: Platform) -> None:
    catalog, schema = platform.sandbox.schema("dev").split(".")
    platform.sandbox.client("dev").volumes.create(catalog, schema, "v", VolumeType.MANAGED)
    with pytest.raises(WorkspaceRefused):
        files.find_content("dev", f"/Volumes/{catalog}/{schema}/v/x")


def test_a_write_that_cannot_be_seen_afterwards_is_no_success(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    stub.script = lambda asked: Answer(204, b"") if asked.method == "PUT" else Answer(404, {"error_code": "NOT_FOUND"})
    with pytest.raises(WrittenNotVisible):
        files.ensure_content("dev", f"{VOLUME}/x", b"content")
    assert [asked.method for asked in stub.asked] == ["PUT", "HEAD"]


@pytest.mark.parametrize(
    "path",
    [
        "/Volumes/a/b/c/../../../../../../2.1/unity-catalog/shares",
        "/Volumes/a/b/./c",
        "/Volumes//b/c",
        "/api/x",
        "Volumes/a/b/c",
        "/Workspace/x/y",
    ],
)
def test_a_path_that_leads_elsewhere_is_never_asked_for(stub: Stub, configure: Configure, path: str) -> None:
    configure(dev={"host": stub.host})
    with pytest.raises(DataNotFound):
        files.find_size("dev", path) or files.get_content("dev", path)
    with pytest.raises(DataNotFound):
        files.ensure_content("dev", path, b"x")
    assert stub.asked == []


def test_reading_and_writing_are_one_request_each(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    stub.script = lambda asked: Answer(204, b"") if asked.method == "PUT" else Answer(200, b"12345")
    assert files.get_content("dev", f"{VOLUME}/x") == b"12345"
    assert [asked.method for asked in stub.asked] == ["GET"]
    files.ensure_content("dev", f"{VOLUME}/x", b"12345")
    assert [asked.method for asked in stub.asked] == ["GET", "PUT", "HEAD"]
    assert stub.asked[1].body == b"12345"
