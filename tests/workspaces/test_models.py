"""Models and versions as a registry holds them, and what a version's own files say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.errors import DataNotFound, ModelNotFound, ModelVersionNotFound, WorkspaceFault
from app.workspaces import catalogs, model_files, models
from tests.workspaces.conftest import Answer, Configure, Platform, Stub, read_all

MLMODEL = """\
artifact_path: model
flavors:
  python_function: {loader_module: mlflow.sklearn, python_version: 3.11.7}
  sklearn: {pickled_model: model.pkl}
mlflow_version: 3.17.2
run_id: 0123456789abcdef0123456789abcdef
saved_input_example_info:
  artifact_path: input_example.json
  serving_input_path: serving_input_example.json
  type: dataframe
signature:
  inputs: '[{"type": "long", "name": "hr", "required": true}, {"type": "double", "name": "temp", "required": false}]'
  outputs: '[{"type": "tensor", "tensor-spec": {"dtype": "float64", "shape": [-1]}}]'
  params: null
"""
EXAMPLE = {"dataframe_split": {"columns": ["hr", "temp"], "data": [[7, 0.5]]}}
FILES = {
    "MLmodel": MLMODEL,
    "requirements.txt": "# pins\nmlflow==3.17.2\n\nscikit-learn==1.9.1\n",
    "serving_input_example.json": json.dumps(EXAMPLE),
}


@pytest.fixture
def model(platform: Platform, unique: Callable[[str], str]) -> str:
    schema = unique("schema")
    catalogs.ensure_schema("dev", "main", schema, comment="made by a test")
    return f"main.{schema}.demand"


def test_aliases_are_told_with_the_model_and_with_each_version_and_never_guessed_in_lists(
    platform: Platform, model: str
) -> None:
    for _ in range(3):
        platform.register("dev", model, FILES)
    admin = platform.controls["dev"].client
    for alias, version in (("prod", 2), ("staging", 3), ("best", 2)):
        admin.registered_models.set_alias(model, alias, version)
    assert models.get_model("dev", model).aliases == {"prod": 2, "staging": 3, "best": 2}
    assert models.get_version("dev", model, 2).aliases == ["best", "prod"]
    assert models.get_version("dev", model, 1).aliases == []
    assert models.get_version_at("dev", model, "staging").version == 3
    listed = list(read_all(models.list_versions, "dev", model))
    assert sorted(item.version for item in listed) == [1, 2, 3]
    assert {item.aliases for item in listed} == {None}
    schema = model.rpartition(".")[0]
    assert [(item.name, item.aliases) for item in read_all(models.list_models, "dev", schema)] == [(model, None)]


def test_a_version_that_is_not_ready_says_so(platform: Platform, model: str) -> None:
    version = platform.register("dev", model, {}, ready=False)
    found = models.get_version("dev", model, version)
    assert (found.model, found.version, found.state) == (model, version, "PENDING_REGISTRATION")


def test_what_is_not_there_is_named_as_what_it_is(platform: Platform, model: str) -> None:
    with pytest.raises(ModelNotFound):
        models.get_model("dev", model)
    with pytest.raises(ModelNotFound):
        models.list_versions("dev", model, page_size=10)
    assert models.find_version("dev", model, 1) is None
    platform.register("dev", model, FILES)
    with pytest.raises(ModelVersionNotFound):
        models.get_version("dev", model, 2)
    with pytest.raises(ModelVersionNotFound):
        models.get_version_at("dev", model, "prod")
    assert models.find_metrics("dev", "0" * 32) is None


def test_a_deleted_version_is_gone_and_deleting_it_again_is_a_success(platform: Platform, model: str) -> None:
    platform.register("dev", model, FILES)
    platform.register("dev", model, FILES)
    for _ in range(2):
        models.remove_version("dev", model, 1)
    assert models.find_version("dev", model, 1) is None
    assert models.get_version("dev", model, 2).state == "READY"
    models.remove_version("dev", model + "_absent", 1)


def test_metrics_come_from_the_run_that_made_the_version(platform: Platform, unique: Callable[[str], str]) -> None:
    control = platform.controls["dev"].client
    experiment = control.experiments.create_experiment(f"/Shared/{unique('experiment')}").experiment_id
    run = control.experiments.create_run(experiment_id=experiment).run
    assert run
    assert run.info
    control.experiments.log_metric("rmse", 51.8, 1_700_000_000_000, run_id=run.info.run_id)
    assert models.find_metrics("dev", str(run.info.run_id)) == {"rmse": 51.8}


def test_a_versions_files_tell_its_signature_requirements_and_example(platform: Platform, model: str) -> None:
    version = platform.register("dev", model, FILES)
    described = model_files.get_description("dev", model, version)
    assert described.has_signature
    assert described.inputs == [model_files.Column("hr", "long", True), model_files.Column("temp", "double", False)]
    assert described.outputs == [model_files.Column(None, "tensor(float64, [-1])", True)]
    assert described.flavours == ["python_function", "sklearn"]
    assert described.run_id == "0123456789abcdef0123456789abcdef"
    assert model_files.list_requirements("dev", model, version) == ["mlflow==3.17.2", "scikit-learn==1.9.1"]
    assert model_files.find_input_example("dev", model, version) == EXAMPLE


def test_a_version_that_says_little_has_no_signature_no_requirements_and_no_example(
    platform: Platform, model: str
) -> None:
    version = platform.register("dev", model, {"MLmodel": "flavors: {sklearn: {}}\n"})
    assert not model_files.get_description("dev", model, version).has_signature
    assert model_files.list_requirements("dev", model, version) == []
    assert model_files.find_input_example("dev", model, version) is None
    bare = platform.register("dev", model, {})
    with pytest.raises(DataNotFound):
        model_files.get_description("dev", model, bare)


@pytest.mark.parametrize(
    "mlmodel",
    [
        "- a list",
        "flavors: [",
        "signature: {inputs: 'not json', outputs: '[]'}",
        "x: !!python/object/apply:os.system ['true']",
        "\x00",
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_a_fault_of_the_workspace(
    stub: Stub, configure: Configure, mlmodel: str
) -> None:
    configure(dev={"host": stub.host})
    stub.script = lambda _: Answer(200, mlmodel.encode())
    with pytest.raises(WorkspaceFault):
        model_files.get_description("dev", "c.s.m", 1)


def test_a_page_may_be_empty_and_still_have_a_next_one(stub: Stub, configure: Configure) -> None:
    configure(dev={"host": stub.host})
    pages: dict[bool, dict[str, Any]] = {
        False: {"next_page_token": "more"},
        True: {"model_versions": [{"catalog_name": "c", "schema_name": "s", "model_name": "m", "version": 4}]},
    }
    stub.script = lambda asked: Answer(200, pages["page_token=more" in asked.path])
    first = models.list_versions("dev", "c.s.m", page_size=5)
    assert (first.items, first.next_page_token) == ([], "more")
    second = models.list_versions("dev", "c.s.m", page_size=5, page_token="more")
    assert [item.version for item in second.items] == [4]
    assert second.items[0].state == "UNKNOWN"
    assert len(stub.asked) == 2
