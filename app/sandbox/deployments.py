"""How does an endpoint get from one configuration to the next? Images are built, servers started, traffic switched.

The old configuration serves until every server of the new one is ready; a failure leaves it as it was [DOC].
"""

import shutil
import threading
from pathlib import Path
from typing import Any

from app.sandbox import endpoint_configs, environments, journal, model_servers, storage
from app.sandbox.environments import UnmetRequirement
from app.sandbox.model_servers import ModelServer
from app.sandbox.state import Document
from app.sandbox.world import Workspace, World

# What the serving container brings along by itself.
BASE_ENVIRONMENT = ("mlflow", "uvicorn[standard]")


class UnsharedDependency(Exception):
    """A model that came through a share depends on what did not [3P]."""

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"The model depends on {', '.join(names)}, which its share does not hold.")


def begin(world: World, workspace: Workspace, name: str) -> None:
    """Works on the endpoint's pending configuration, in a thread of its own."""
    # The thread's first read waits for the end of the caller's transaction.
    threading.Thread(target=_deploy, args=(world, workspace, name), name=f"deployment-{name}", daemon=True).start()


def end(world: World, workspace: Workspace, endpoint: Document) -> None:
    """Ends all servers of an endpoint that is gone, and throws their images away."""
    for config in (endpoint["config"], endpoint["pending"]):
        for entity in (config or {}).get("entities", []):
            _discard(world, entity)
            world.state.remove("model-server", workspace.name, entity["id"])


def take_up(world: World) -> None:
    """After a start: the servers of every active configuration come back, and updates under way go on."""
    for workspace in world.workspaces.values():
        for name, endpoint in world.state.list_all("endpoint", workspace.name):
            for entity in (endpoint["config"] or {}).get("entities", []):
                model_servers.start(_make_server(world, workspace, entity), again=True)
            if endpoint["outcome"] is None:
                begin(world, workspace, name)


def forget_all(world: World) -> None:
    """Ends every server and throws all images away."""
    model_servers.end_all(world)
    storage.erase(world.folder / "images")


def find_server(world: World, workspace: Workspace, entity: Document) -> Document:
    """What is known of the entity's server: state, message, build_log; also when it does not run any more."""
    kept = world.state.find("model-server", workspace.name, entity["id"]) or {
        "state": model_servers.CREATING,
        "message": "Creating",
        "build_log": "",
        "log": "",
    }
    server = model_servers.find(entity["id"])
    if server is None:
        return kept
    return {**kept, "state": server.state, "message": server.message}


def read_log(world: World, workspace: Workspace, entity: Document) -> str:
    """What the entity's server printed, in all its lives."""
    server = model_servers.find(entity["id"])
    if server is not None:
        return server.folder.printed()
    return str(find_server(world, workspace, entity)["log"])


def _deploy(world: World, workspace: Workspace, name: str) -> None:
    endpoint = world.state.find("endpoint", workspace.name, name)
    if endpoint is None or endpoint["pending"] is None:
        return
    pending = endpoint["pending"]
    added = [entity for entity in pending["entities"] if model_servers.find(entity["id"]) is None]
    servers: list[ModelServer] = []
    built = [_build(world, workspace, entity) for entity in added]  # all of them, so that each has its logs
    if all(built):
        servers = [model_servers.start(_make_server(world, workspace, entity)) for entity in added]
    for server in servers:
        server.decided.wait()
    if any(server.ended.is_set() for server in servers):
        return  # the endpoint was deleted, or the sandbox goes down and takes this up again
    ready = len(servers) == len(added) and all(server.state == model_servers.READY for server in servers)
    if not ready:
        _note_failure(world, workspace, added)
    if not _settle(world, workspace, name, pending["version"], ready):
        end(world, workspace, endpoint)
        return
    kept = {entity["id"] for entity in pending["entities"]}
    replaced = [entity for entity in (endpoint["config"] or {}).get("entities", []) if entity["id"] not in kept]
    for entity in replaced if ready else added:
        _discard(world, entity)


def _build(world: World, workspace: Workspace, entity: Document) -> bool:
    """Keeps the model's files as an image and checks its requirements; False when it cannot be built."""
    log = [f"Building the image of {entity['entity_name']} version {entity['entity_version']}."]
    image = _image(world, entity)
    storage.erase(image)
    try:
        shutil.copytree(entity["source"], image)
        requirements = image / "requirements.txt"
        declared = environments.parse_requirements_file(requirements.read_text()) if requirements.exists() else []
        log += [f"Collecting {requirement}" for requirement in declared]
        resolved = environments.resolve([*declared, *BASE_ENVIRONMENT])
        if entity.get("unshared"):
            raise UnsharedDependency(entity["unshared"])
    except (UnmetRequirement, UnsharedDependency, OSError) as failure:
        message = "The build of the container image failed; see the build logs."
        build_log = "\n".join([*log, str(failure), f"ERROR: {message}"])
        _note(world, workspace, entity, state=model_servers.FAILED, message=message, build_log=build_log)
        return False
    log.append("Successfully installed " + " ".join(f"{name}-{resolved[name]}" for name in sorted(resolved)))
    _note(world, workspace, entity, build_log="\n".join([*log, "The image was built."]), resolved=resolved)
    return True


def _make_server(world: World, workspace: Workspace, entity: Document) -> ModelServer:
    known = world.state.find("model-server", workspace.name, entity["id"]) or {}
    return ModelServer(
        id=entity["id"],
        image=_image(world, entity),
        refused=environments.refused_modules(known["resolved"]),
        variables=entity.get("environment_vars", {}),
        concurrency=endpoint_configs.concurrency(entity),
    )


def _note_failure(world: World, workspace: Workspace, entities: list[Document]) -> None:
    """Keeps what is to be said of servers that are ended now, because one of them could not be had."""
    for entity in entities:
        known = find_server(world, workspace, entity)
        if known["state"] != model_servers.FAILED:
            known |= {"state": model_servers.ABORTED, "message": "Aborted, because another served entity failed."}
        _note(world, workspace, entity, **{**known, "log": read_log(world, workspace, entity)})


def _note(world: World, workspace: Workspace, entity: Document, **known: Any) -> None:
    with world.state.transaction():
        before = world.state.find("model-server", workspace.name, entity["id"]) or {
            "state": model_servers.CREATING,
            "message": "Creating",
            "log": "",
        }
        world.state.put("model-server", workspace.name, entity["id"], {**before, **known})


def _settle(world: World, workspace: Workspace, name: str, version: int, ready: bool) -> bool:
    """Switches the endpoint to its pending configuration, or notes the failure; False when the endpoint is gone."""
    with world.state.transaction():
        endpoint = world.state.find("endpoint", workspace.name, name)
        if endpoint is None or endpoint["pending"] is None or endpoint["pending"]["version"] != version:
            return False
        if ready:
            endpoint |= {"previous": endpoint["config"], "config": endpoint["pending"], "outcome": "NOT_UPDATING"}
        else:
            endpoint["outcome"] = "UPDATE_FAILED"
        world.state.put("endpoint", workspace.name, name, endpoint)
        kind = "endpoint-config-active" if ready else "endpoint-update-failed"
        journal.record(world, kind, name, workspace=workspace.name, principal=endpoint["creator"], version=version)
    return True


def _discard(world: World, entity: Document) -> None:
    model_servers.end(entity["id"])
    storage.erase(_image(world, entity))


def _image(world: World, entity: Document) -> Path:
    return world.folder / "images" / str(entity["id"])
