"""The three jobs as plain processes against a real sandbox: what they leave there, and what they refuse."""

import hashlib
import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from databricks.sdk.errors import NotFound

from causeway_jobs import manifest
from tests.jobs.conftest import Trained
from tests.jobs.running_jobs import BIKES, Ended, Team
from tests.jobs.tampering import tampering_proxy
from tests.sandbox.running import unique

pytestmark = pytest.mark.xdist_group("jobs")


def copy(team: Team, trained: Trained, target: str) -> dict[str, Any]:
    """Of the files as they are listed, and as their training stated them."""
    files = manifest.list_entries(team.admin, trained.version[0], str(trained.version[1]))
    held = {"files": files, "digest": trained.result["digest"]}
    [ended] = team.run("copy", {**team.copying(trained.version, target), **held})
    assert ended.code == 0, ended.result
    return dict(ended.result)


def codes(ended: list[Ended]) -> list[str]:
    assert {one.code for one in ended} == {1}, ended
    return [one.result["error"]["code"] for one in ended]


def test_training_registers_a_version_that_says_where_it_came_from(team: Team, trained: Trained) -> None:
    found = team.version_of(*trained.version)
    assert found["status"] == "READY"
    tags = found["tags"]
    assert tags["causeway_operation"] == trained.asked["operation_id"]
    assert tags["team"] == "bikes"
    assert tags["causeway_data_sha256"] == hashlib.sha256(BIKES.read_bytes()).hexdigest()
    assert float(tags["causeway_rmse"]) == trained.result["metrics"]["rmse"]
    assert found["run_id"] == trained.result["run_id"]


def test_the_files_of_the_version_tell_signature_example_and_exact_pins_as_plain_text(
    team: Team, trained: Trained
) -> None:
    files = team.files_of(*trained.version)
    assert json.loads(files["input_example.json"]) == trained.result["input_example"]
    assert json.loads(files["serving_input_example.json"]) == {"dataframe_split": trained.result["input_example"]}
    pins = files["requirements.txt"].decode().split()
    assert pins == trained.result["requirements"]
    assert all("==" in pin for pin in pins)
    assert not any(pin.startswith(("flaml", "xgboost", "matplotlib")) for pin in pins)
    inputs = {column["name"]: column["type"] for column in trained.result["signature"]["inputs"]}
    assert inputs["hr"] == "double"
    assert inputs["weathersit"] == "string"
    assert {"casual", "registered", "bikers", "day"}.isdisjoint(inputs)
    assert manifest.DOWNLOAD_NOTE not in files


def test_the_run_holds_metrics_profile_and_a_child_run_for_each_reported_trial(team: Team, trained: Trained) -> None:
    result = trained.result
    run = team.admin.experiments.get_run(result["run_id"]).run
    metrics = {metric.key: metric.value for metric in run.data.metrics}
    assert metrics["rmse"] == pytest.approx(result["metrics"]["rmse"])
    assert metrics["baseline_rmse"] == pytest.approx(result["baseline"]["metrics"]["rmse"])
    assert run.info.status.value == "FINISHED"
    artifacts = f"/WorkspaceInternal/Mlflow/Artifacts/{result['experiment_id']}/Runs/{result['run_id']}/artifacts"
    listed = team.admin.files.list_directory_contents(f"{artifacts}/profile")
    assert {file.name for file in listed} == {"profile.html", "profile.json"}
    children = team.admin.experiments.search_runs(
        experiment_ids=[result["experiment_id"]], filter=f"tags.mlflow.parentRunId = '{result['run_id']}'"
    )
    assert {child.info.run_id for child in children} == {trial["run_id"] for trial in result["trials"]}
    assert {trial["learner"] for trial in result["trials"]} == set(trained.asked["learners"])
    assert result["trial_count"] == trained.asked["max_trials"]
    assert result["profile"]["leakage_suspects"][0]["excluded"] is True


def test_a_refused_training_writes_its_error_exits_with_1_and_starts_no_run(team: Team) -> None:
    experiment = f"/Shared/causeway/{unique('never')}"
    empty = team.upload("empty.csv", b"hr,bikers\n")
    asked = [
        team.training(experiment=experiment, target="demand"),
        team.training(experiment=experiment, target="weathersit"),
        team.training(experiment=experiment, data=empty),
        team.training(experiment=experiment, data=f"{team.volume}/gone.csv"),
    ]
    ended = team.run("train", *asked)
    assert codes(ended) == ["target-missing", "target-not-numeric", "data-empty", "data-unreadable"]
    assert ended[0].result["error"]["target"] == "demand"
    with pytest.raises(NotFound):
        team.admin.experiments.get_by_name(experiment)


def test_an_unexpected_failure_is_raised_and_leaves_no_result(team: Team) -> None:
    folder = team.folder("train", team.training(max_trials=None, budget_seconds=None))
    done = team.start("train", [folder])
    assert done.code == 1
    assert "ValueError: a search needs budget_seconds or max_trials" in done.output
    assert team.find(folder) is None


def test_a_copy_holds_every_file_of_its_source_and_says_where_it_is_from(team: Team, trained: Trained) -> None:
    target = f"{team.schema}.{unique('vetted')}"
    result = copy(team, trained, target)
    assert (result["version"], result["reused"], result["removed"]) == (1, False, [])
    assert team.files_of(target, 1) == team.files_of(*trained.version)
    assert result["digest"] == manifest.digest(result["files"])
    tags = team.version_of(target, 1)["tags"]
    assert (tags["causeway_source_model"], int(tags["causeway_source_version"])) == trained.version
    assert tags["causeway_digest"] == result["digest"]
    assert team.version_of(target, 1)["description"] == "a vetted copy"


def test_the_note_that_mlflow_leaves_in_a_download_is_neither_counted_nor_copied(team: Team, trained: Trained) -> None:
    """A version made with mlflow's own `register_model` or `copy_model_version` may hold that note."""
    noted, target = f"{team.schema}.{unique('noted')}", f"{team.schema}.{unique('vetted')}"
    team.registry("POST", "registered-models/create", json={"name": noted})
    files = team.files_of(*trained.version)
    version = team.version_of_files(noted, {**files, "registered_model_meta": b"model_name: main.secret.name"})
    [ended] = team.run("copy", team.copying((noted, version), target))
    assert team.files_of(target, 1) == files
    assert "registered_model_meta" not in [file["path"] for file in ended.result["files"]]


def test_a_copy_is_made_once_and_broken_earlier_tries_are_cleared_away(team: Team, trained: Trained) -> None:
    target = f"{team.schema}.{unique('vetted')}"
    team.registry("POST", "registered-models/create", json={"name": target})
    origin = {"causeway_source_model": trained.version[0], "causeway_source_version": str(trained.version[1])}
    somebody_elses = team.pending_version(target, {"team": "trains"})
    broken = team.pending_version(target, origin)

    first = copy(team, trained, target)
    assert (first["reused"], first["removed"]) == (False, [broken])
    again = copy(team, trained, target)
    assert (again["reused"], again["version"], again["digest"]) == (True, first["version"], first["digest"])

    lie = {"name": target, "version": str(first["version"]), "key": "causeway_digest", "value": "sha256:0"}
    team.registry("POST", "model-versions/set-tag", json=lie)
    third = copy(team, trained, target)
    assert (third["reused"], third["removed"]) == (False, [first["version"]])
    assert team.version_of(target, somebody_elses)["status"] == "PENDING_REGISTRATION"

    # One that somebody was promised stays, though its source is another by now.
    team.registry("POST", "model-versions/set-tag", json={**lie, "version": str(third["version"])})
    kept = {**team.copying(trained.version, target), "promised": [third["version"]]}
    [fourth, fifth] = team.run("copy", kept, {**kept, "comment": "in other words"})
    assert (fourth.result["reused"], fourth.result["removed"]) == (False, [])
    assert team.version_of(target, third["version"])["status"] == "READY"
    assert (fifth.result["reused"], fifth.result["version"]) == (True, fourth.result["version"])
    assert team.version_of(target, fifth.result["version"])["description"] == "in other words"

    # And so does one that is listed as a copy of other bytes, but not one that should have these.
    listed = {str(third["version"]): "sha256:0"}
    [sixth] = team.run("copy", {**team.copying(trained.version, target), "listed": listed})
    assert (sixth.result["reused"], sixth.result["removed"]) == (True, [])
    listed = {str(third["version"]): fourth.result["digest"]}
    [seventh] = team.run("copy", {**team.copying(trained.version, target), "listed": listed})
    assert (seventh.result["reused"], seventh.result["removed"]) == (True, [third["version"]])


def test_a_copy_that_comes_back_different_is_refused_and_deleted(team: Team, trained: Trained) -> None:
    target = f"{team.schema}.{unique('vetted')}"
    asked = team.copying(trained.version, target)
    host = team.sandbox.workspaces["dev"]["host"]
    with tampering_proxy(host, f"/Models/{target.replace('.', '/')}/1/model.pkl") as tampered:
        ended = team.run("copy", asked, host=tampered)
    assert codes(ended) == ["copy-differs"]
    assert ended[0].result["error"]["paths"] == ["model.pkl"]
    assert list(team.admin.model_versions.list(target)) == []


def test_a_source_that_is_missing_not_ready_or_not_what_was_published_is_not_copied(
    team: Team, trained: Trained
) -> None:
    unready = f"{team.schema}.{unique('unready')}"
    team.registry("POST", "registered-models/create", json={"name": unready})
    pending = team.pending_version(unready, {})
    target = f"{team.schema}.{unique('vetted')}"
    sources = [(trained.version[0], 99), (f"{team.schema}.gone", 1), ("gone.s.m", 1), (unready, pending)]
    other = {"copies": [{**team.copying(trained.version, target), "digest": "sha256:0"}]}
    looked_at = manifest.list_entries(team.admin, trained.version[0], str(trained.version[1]))
    first = {**looked_at[0], "modified_at": "2026-01-01T00:00:00.000+00:00"}
    changed = {**team.copying(trained.version, target), "files": [first, *looked_at[1:]]}
    ended = team.run("copy", *(team.copying(source, target) for source in sources), changed, other)
    assert codes(ended) == [*["source-missing"] * 3, "source-not-ready", "source-changed", "digest-mismatch"]
    assert ended[-2].result["error"]["paths"] == [first["path"]]
    refused = ended[-1].result["error"]
    assert (refused["expected"], refused["found"]) == ("sha256:0", manifest.digest(refused["files"]))
    [hidden] = team.run("copy", team.copying(trained.version, _hidden_model(team)), person=team.runner)
    assert codes([hidden]) == ["target-refused"]
    with pytest.raises(NotFound):
        team.admin.registered_models.get(target)


def test_scoring_the_file_again_gives_the_error_that_training_stated(team: Team, trained: Trained) -> None:
    result = copy(team, trained, f"{team.schema}.{unique('vetted')}")
    asked = team.scoring((result["model"], result["version"]), result["digest"], team.data)
    [ended] = team.run("score", asked, person=team.runner)
    assert ended.code == 0, ended.result
    assert (ended.result["rows"], ended.result["digest"]) == (8645, result["digest"])
    predictions = team.read(asked["output"])["predictions"]
    held_out = pd.read_csv(BIKES)["bikers"].to_numpy()[-1729:]
    rmse = float(np.sqrt(np.mean((np.array(predictions[-1729:]) - held_out) ** 2)))
    assert rmse == pytest.approx(trained.result["metrics"]["rmse"], rel=1e-9)
    assert ended.result["versions"]["python"] == trained.result["versions"]["python"]
    pins = dict(pin.split("==") for pin in trained.result["requirements"])
    assert {name: ended.result["versions"][name] for name in pins} == pins


def test_rows_as_json_may_hold_whole_numbers_gaps_and_further_columns(team: Team, trained: Trained) -> None:
    example = trained.result["input_example"]
    row = dict(zip(example["columns"], example["data"][0], strict=True))
    rows = [row, {**row, "hr": 12, "season": 2}, {**row, "temp": None, "weathersit": None}]
    rows = [{**one, "note": "not for the model"} for one in rows]
    table = {"columns": list(rows[0]), "data": [list(one.values()) for one in rows]}
    path = team.upload(f"{unique('rows')}.json", json.dumps({"dataframe_split": table}).encode())
    asked = team.scoring(trained.version, None, path)
    [ended] = team.run("score", asked)
    assert ended.code == 0, ended.result
    first, whole, gaps = team.read(asked["output"])["predictions"]
    assert first == whole
    assert np.isfinite(gaps)


def test_what_cannot_be_scored_is_refused_by_column_and_type_never_by_value(team: Team, trained: Trained) -> None:
    example = trained.result["input_example"]

    def rows(**changes: Any) -> str:
        row = {**dict(zip(example["columns"], example["data"][0], strict=True)), **changes}
        row = {name: value for name, value in row.items() if value is not ...}
        table = {"columns": list(row), "data": [list(row.values())]}
        return team.upload(f"{unique('rows')}.json", json.dumps({"dataframe_split": table}).encode())

    nobody = team.upload(f"{unique('rows')}.json", b'{"dataframe_split": {"columns": ["hr"], "data": []}}')
    prose = team.upload(f"{unique('rows')}.json", b"twelve o'clock")
    records = team.upload(f"{unique('rows')}.json", b'{"dataframe_records": []}')
    paths = [rows(hr="secret"), rows(weathersit=3), rows(temp=...), nobody, prose, records, f"{team.volume}/gone.csv"]
    ended = team.run("score", *(team.scoring(trained.version, None, path) for path in paths))
    assert codes(ended) == [*["input-rejected"] * 3, "input-empty", *["input-unreadable"] * 3]
    wrong, number, missing = (one.result["error"] for one in ended[:3])
    assert (wrong["column"], wrong["expected"], wrong["got"]) == ("hr", "double", "str in row 0")
    assert "secret" not in json.dumps(wrong)
    assert (number["column"], number["expected"]) == ("weathersit", "string")
    assert (missing["column"], missing["got"]) == ("temp", "nothing: the column is missing")


def test_a_model_is_loaded_only_if_it_is_the_one_that_was_asked_for(team: Team, trained: Trained) -> None:
    broken = f"{team.schema}.{unique('broken')}"
    team.registry("POST", "registered-models/create", json={"name": broken})
    version = team.version_of_files(broken, {**team.files_of(*trained.version), "model.pkl": b"no pickle"})
    pending = team.pending_version(broken, {})

    wanted = "sha256:" + "0" * 64
    asked = [
        team.scoring((broken, version), wanted, team.data),
        team.scoring((broken, version), None, team.data),
        team.scoring((broken, pending), None, team.data),
        team.scoring((trained.version[0], 99), None, team.data),
    ]
    ended = team.run("score", *asked)
    # The broken pickle is not even opened where the digest differs.
    assert codes(ended) == ["digest-mismatch", "model-load-failed", "model-missing", "model-missing"]
    assert ended[0].result["error"]["expected"] == wanted


def _hidden_model(team: Team) -> str:
    """A model that the runner may not even see."""
    name = unique("hidden")
    team.admin.registered_models.create(catalog_name="main", schema_name="default", name=name)
    return f"main.default.{name}"
