"""What the scan makes of files: hostile pickles under any name are found, honest models pass, nothing is loaded."""

import os
import pickle
from pathlib import Path
from typing import Any

import cloudpickle
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
