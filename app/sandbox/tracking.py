"""Which experiments, runs and logged models does a workspace have? Stock MLflow's own handlers, in this process.

One store a workspace, chosen by a context variable behind `handlers._get_tracking_store`, a name that MLflow does not
promise: the version is pinned, and tests/sandbox/test_tracking.py guards the seam.
"""

import json
import logging
import shutil
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from flask import Flask
from mlflow.protos.service_pb2 import MlflowService
from mlflow.server import handlers
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore
from starlette.responses import Response

from app.sandbox import errors, experiment_permissions
from app.sandbox.wire import Call, Routes
from app.sandbox.world import World

routes = Routes()
ARTIFACT_ROOT = "dbfs:/databricks/mlflow-tracking"
_PREFIX = "/api/2.0/mlflow/"
_CREATE_EXPERIMENT = f"{_PREFIX}experiments/create"

_stores: dict[tuple[Path, str], Any] = {}
_store: ContextVar[Any] = ContextVar("store")


def start(world: World) -> None:
    """Open the workspaces' stores; new ones are copied from one that was made once, which is faster."""
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Databricks' folder of a logged model; the client's pattern for its address depends on it [RUN].
    SqlAlchemyStore.MODELS_FOLDER_NAME = "logged_models"
    handlers._get_tracking_store = lambda *_: _store.get()
    for name in world.workspaces:
        _stores[world.folder, name] = _open(world, name)


def reset(world: World) -> None:
    """Empty stores."""
    for name in world.workspaces:
        _stores[world.folder, name].engine.dispose()
        for file in world.folder.glob(f"mlflow-{name}.sqlite*"):
            file.unlink()
        _stores[world.folder, name] = _open(world, name)


def _open(world: World, name: str) -> Any:
    file, template = world.folder / f"mlflow-{name}.sqlite", world.folder / "mlflow-template.sqlite"
    if not template.exists():
        draft = world.folder / "mlflow-template.sqlite.new"
        draft.unlink(missing_ok=True)
        store = SqlAlchemyStore(f"sqlite:///{draft}", ARTIFACT_ROOT)
        # A Databricks workspace has no default experiment.
        store.delete_experiment("0")
        store.engine.dispose()
        draft.replace(template)
    if not file.exists():
        shutil.copyfile(template, file)
    return SqlAlchemyStore(f"sqlite:///{file}", ARTIFACT_ROOT)


def _make_flask() -> Flask:
    flask = Flask("mlflow-handlers")
    for number, (path, handler, methods) in enumerate(
        handlers.get_service_endpoints(MlflowService, handlers.get_handler)
    ):
        if path.startswith(_PREFIX):
            flask.add_url_rule(path, f"{number}", handler, methods=methods)
    return flask


_flask = _make_flask()


def _answer(call: Call) -> Response:
    """Any member may track; names of experiments are paths in the workspace, and who creates one owns its artifacts."""
    path, method = call.request.url.path, call.request.method
    _require_known(method, path)
    creating = path == _CREATE_EXPERIMENT
    if creating and not str(json.loads(call.raw or b"{}").get("name", "")).startswith("/"):
        raise errors.invalid("An experiment name must be an absolute path within the Databricks workspace.")
    chosen = _store.set(_stores[call.world.folder, call.workspace.name])
    try:
        answer = _flask.test_client().open(
            path,
            method=method,
            query_string=call.request.url.query,
            data=call.raw,
            content_type=call.request.headers.get("content-type"),
        )
    finally:
        _store.reset(chosen)
    if creating and answer.status_code == 200:
        _note_owner(call, json.loads(answer.data)["experiment_id"])
    return Response(answer.data, answer.status_code, media_type=answer.content_type)


def _require_known(method: str, path: str) -> None:
    if not _flask.url_map.bind("").test(path, method):
        raise errors.unimplemented(method, path)


def _note_owner(call: Call, experiment_id: str) -> None:
    # Everybody manages what lies in the folder /Shared [DOC].
    shared = json.loads(call.raw)["name"].startswith("/Shared/")
    with call.state.transaction():
        experiment_permissions.own(call, experiment_id, "CAN_MANAGE" if shared else None)
        call.record("experiment-created", experiment_id)


for _method in ("GET", "POST", "PATCH", "DELETE"):
    routes.add(_method, _PREFIX + "{rest:path}", locked=False, unchecked=True)(_answer)
