"""A manifest says what a version consists of, and changes when anything in it does."""

import hashlib
import json
from pathlib import Path

from causeway_jobs import manifest


def fill(folder: Path) -> Path:
    (folder / "code").mkdir(parents=True)
    (folder / "MLmodel").write_text("flavors: {}\n")
    (folder / "code" / "ä.py").write_text("x = 1\n")
    return folder


def test_the_manifest_lists_path_size_and_digest_sorted_by_path(tmp_path: Path) -> None:
    files = manifest.of_folder(fill(tmp_path / "a"))
    assert [file["path"] for file in files] == ["MLmodel", "code/ä.py"]
    assert files[0] == {"path": "MLmodel", "size": 12, "sha256": hashlib.sha256(b"flavors: {}\n").hexdigest()}


def test_the_digest_is_of_the_canonical_json_and_does_not_depend_on_order(tmp_path: Path) -> None:
    files = manifest.of_folder(fill(tmp_path / "a"))
    rows = [[file["path"], file["size"], file["sha256"]] for file in files]
    canonical = json.dumps(rows, separators=(",", ":"), ensure_ascii=False).encode()
    assert manifest.digest(files) == "sha256:" + hashlib.sha256(canonical).hexdigest()
    assert manifest.digest(files[::-1]) == manifest.digest(files)


def test_a_changed_renamed_or_added_file_changes_the_digest(tmp_path: Path) -> None:
    before = manifest.digest(manifest.of_folder(fill(tmp_path / "a")))
    assert manifest.digest(manifest.of_folder(fill(tmp_path / "same"))) == before
    changed, renamed, added = (fill(tmp_path / name) for name in ("b", "c", "d"))
    (changed / "MLmodel").write_text("flavors: []\n")
    (renamed / "MLmodel").rename(renamed / "mlmodel")
    (added / "empty").touch()
    digests = {manifest.digest(manifest.of_folder(folder)) for folder in (changed, renamed, added)}
    assert len(digests | {before}) == 4
