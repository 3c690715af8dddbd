"""What the scan makes of files: hostile pickles under any name are found, honest models pass, nothing is loaded."""

import gzip
import io
import os
import pickle
import zipfile
import zlib
from pathlib import Path
from typing import Any

import cloudpickle
import joblib  # type: ignore[import-untyped]
import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from causeway_jobs import scan


class Hostile:
    """Leaves a trace when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (os.system, (f"touch {self.trace}",))


@pytest.mark.parametrize("name", ["model.pkl", "weights.bin", "python_model", "deep/er.txt"])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_hostile_pickle_is_found_under_any_name_and_never_loaded(tmp_path: Path, name: str, protocol: int) -> None:
    files, trace = tmp_path / "files", tmp_path / "trace"
    (files / name).parent.mkdir(parents=True)
    (files / name).write_bytes(pickle.dumps(Hostile(trace), protocol))

    found = scan.list_findings(files)

    assert found == [{"file": name, "imported": "posix.system", "severity": "dangerous"}]
    assert not trace.exists()


@pytest.mark.parametrize(
    "content", [pickle.dumps(Hostile(Path("x")))[:-1] + b"\xff", b"no pickle", b"\x80\x04\x93.", b""]
)
def test_a_pickle_that_cannot_be_read_to_its_end_is_no_safe_one(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pkl").write_bytes(content)

    assert "unreadable" in {finding["severity"] for finding in scan.list_findings(tmp_path)}


@pytest.mark.parametrize("compression", [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3)])
@pytest.mark.parametrize("name", ["model.joblib", "weights.bin", "python_model"])
def test_what_joblib_compresses_is_opened_under_any_name(tmp_path: Path, name: str, compression: Any) -> None:
    files, trace = tmp_path / "files", tmp_path / "trace"
    files.mkdir()

    joblib.dump({"a": [1, 2.0, None], "b": "x" * 5000}, files / name, compression)
    assert scan.list_findings(files) == []
    joblib.dump(Hostile(trace), files / name, compression)
    assert scan.list_findings(files) == [{"file": name, "imported": "posix.system", "severity": "dangerous"}]
    # Between the instructions lie bytes that nothing but joblib itself can tell from them.
    joblib.dump([np.zeros(3), Hostile(trace)], files / name, compression)
    [found] = scan.list_findings(files)
    assert (found["severity"], "joblib hides" in found["imported"]) == ("unreadable", True)
    assert not trace.exists()


def test_a_hostile_pickle_hides_behind_no_archive_no_broken_stream_and_no_missing_mark(tmp_path: Path) -> None:
    hostile, archive = pickle.dumps(Hostile(tmp_path / "trace")), io.BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("readme.txt", "nothing")
    random = os.urandom(100_000)
    files = {
        "behind": hostile + archive.getvalue(),
        "cut": gzip.compress(hostile + random)[:-50_000],
        "second": zlib.compress(pickle.dumps(1)) + zlib.compress(hostile),
        "unmarked": pickle.dumps([np.zeros(3), Hostile(tmp_path / "trace")], 4)[2:],
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)

    assert {one["file"] for one in scan.list_findings(tmp_path) if one["imported"] == "posix.system"} == files.keys()


def test_what_cannot_be_opened_or_grows_beyond_all_bounds_says_so(tmp_path: Path) -> None:
    (tmp_path / "bomb").write_bytes(gzip.compress(b"\0" * 1_000_000))
    (tmp_path / "model.lz4").write_bytes(b"\x04\x22\x4d\x18" + b"frame")
    (tmp_path / "old.pkl").write_bytes(b"ZF0x12" + zlib.compress(b"pickle"))

    found = {one["file"]: one["imported"] for one in scan.list_findings(tmp_path, limit_bytes=10_000)}

    assert found == {
        "bomb": "unknown: more than 10000 bytes when it is opened",
        "model.lz4": "unknown: compressed by lz4, which is not opened here",
        "old.pkl": "unknown: compressed by an old joblib",
    }


def test_plain_files_that_begin_as_compressed_ones_do_pass(tmp_path: Path) -> None:
    beginnings = {"formula": b"x^2 + y", "table": b"BZh,count\n1,2\n", "list": b"]\x00", "empty": b"", "letter": b"x"}
    for name, content in beginnings.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "data.csv.gz").write_bytes(gzip.compress(b"hr,temp\n3,0.2\n"))
    (tmp_path / "names.json.gz").write_bytes(gzip.compress(b'{"a": 1}'))

    assert scan.list_findings(tmp_path) == []


def test_honest_models_and_the_plain_files_beside_them_pass(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.arange(20.0)})
    filled = FunctionTransformer(pd.DataFrame.fillna, kw_args={"value": 0})
    model = make_pipeline(filled, RandomForestRegressor(3)).fit(frame, frame["a"])
    (tmp_path / "model.pkl").write_bytes(cloudpickle.dumps(model))
    (tmp_path / "plain.pkl").write_bytes(pickle.dumps({"a": [1, 2.0, None]}))
    (tmp_path / "MLmodel").write_text("artifact_path: model\nflavors:\n  python_function: {}\n")
    (tmp_path / "requirements.txt").write_text("numpy==2.4.6\ncos\nsystem\n")
    np.save(tmp_path / "array.npy", frame.to_numpy())
    (tmp_path / "array").write_bytes((tmp_path / "array.npy").read_bytes())

    assert scan.list_findings(tmp_path) == []
