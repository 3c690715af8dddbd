"""Every workflow as a story that can be played again and again, and what is the same each time it ends well.

A story is one operation after the other on things of its own. What it leaves is told without names, numbers and times,
so that a disturbed passage can be held against an undisturbed one.
"""

from __future__ import annotations

import json
import re
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
from databricks.sdk.service.catalog import PermissionsChange, Privilege

from tests.crashing import Point
from tests.journeys.mortal_services import RIDES, MortalService, MortalWorld
from tests.journeys.served_models import Models
from tests.sandbox.running import unique
from tests.two_workspaces import ALICE, READERS

DEADLINE_SECONDS = 120
# What differs from passage to passage, in the order in which it is recognised.
PATTERNS = (
    (r"\b(op|pub|acc|auc|dep|trn|scr|rec|drf)_[a-z2-7]{26}", r"<\1>"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?", "<time>"),
    (r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>"),
    (r"[0-9a-f]{64}", "<digest>"),
    (r"[0-9a-f]{32}", "<hex>"),
    (r'"(at|run_id|etag|seconds|size|[a-z_]+_seconds|[a-z_]+_at)": (\d+(\.\d+)?|"[^"]*")', r'"\1": "<varies>"'),
    (r"\b1\d{12}\b", "<number>"),
    (r'"source": "/[^"]*"', '"source": "<folder>"'),
)


@dataclass
class Passage:
    """One time that a story is played: its names, and what it has asked for so far (stage: operation)."""

    world: MortalWorld
    service: MortalService
    models: Models
    tag: str = field(default_factory=lambda: unique("x"))
    audience: str = ""
    operations: dict[str, dict[str, Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.audience = self.audience or f"run{next(self.world.audience_numbers):04}"
        self.model = self.world.model(last=self.tag)
        self.endpoint = f"bikes-{self.tag}"
        self.client = self.service.client(ALICE)

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> str:
        """Have an operation accepted, with one key however often its asking is cut off; answers its id."""
        headers = {"Idempotency-Key": unique("key")}
        answer = self.call(method, path, json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def get(self, path: str) -> Any:
        return self.call("GET", path).json()

    def follow(self, operation_id: str) -> Any:
        """The operation, once it has ended; a service that died on the way is started again."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        # Where a worker of its own dies, nothing ends the poll.
        seconds = 20 if self.service.worker is None else 1
        while not (operation := self.get(f"/v1/operations/{operation_id}?wait_seconds={seconds}"))["done"]:
            assert time.monotonic() < deadline, operation
        return operation

    def call(self, method: str, path: str, **options: Any) -> httpx.Response:
        """An answer of the service, however often it dies; one that says "later" is none."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            self.service.revive()
            try:
                answer = self.client.request(method, path, **options)
                if answer.status_code not in {429, 503}:
                    return answer
            except httpx.TransportError:
                answer = None
            assert time.monotonic() < deadline, (answer and answer.text, self.service.output()[-3000:])
            time.sleep(0.02)


Stage = Callable[[Passage], str]


@dataclass(frozen=True)
class Story:
    """What is made ready, the operations in order, and the live views in which their end is seen."""

    prepare: Callable[[Passage], None]
    stages: dict[str, Stage]
    views: tuple[str, ...]
    cut_short: str = ""
    """The step that a cancel interrupts; where exactly, nobody can say."""

    @property
    def ends_as(self) -> str:
        """The state in which each operation ends."""
        return "CANCELLED" if self.cut_short else "SUCCEEDED"


def play(story: Story, passage: Passage, stage: str) -> dict[str, Any]:
    """Play one stage and tell what came of it: the operation, its record, the views, and the effects upstream."""
    world = passage.world
    before = len(world.list_effects())
    operation = passage.follow(story.stages[stage](passage))
    passage.operations[stage] = operation
    if story.cut_short:
        # What held its job until it was cancelled would hold the next one's.
        world.sandbox.call("dev", "DELETE", "/__sandbox/faults").raise_for_status()
    told = {name: operation[name] for name in ("kind", "state", "error")}
    told["steps"] = [(one["name"], one["state"]) for one in operation["steps"] if one["name"] != story.cut_short]
    if story.cut_short:
        told["error"]["left_behind"] = [left for left in told["error"]["left_behind"] if left != story.cut_short]
    record = passage.get(operation["resource"]["url"])
    views = [passage.get(view.format(passage=passage)) for view in story.views]
    effects = [json.dumps(_anonymous(passage, effect), sort_keys=True) for effect in _settled(world)[before:]]
    # The wheel and the experiment are every operation's; and a file that is written over is one file.
    effects = [effect for effect in effects if "/wheels/" not in effect and '"experiment-created"' not in effect]
    files = {effect for effect in effects if '"kind": "file-written"' in effect}
    once = sorted([*files, *(effect for effect in effects if effect not in files)])
    return {**_anonymous(passage, {"operation": told, "record": record, "views": views}), "effects": once}


def compare(expected: dict[str, Any], found: dict[str, Any]) -> tuple[list[str], list[str], list[str]]:
    """The effects that came about once too often, those that never did, and what else is not as it was."""
    wanted, had = Counter(expected["effects"]), Counter(found["effects"])
    others = ("operation", "record", "views")
    changed = [f"{what}: {found[what]} is not {expected[what]}" for what in others if found[what] != expected[what]]
    return list((had - wanted).elements()), list((wanted - had).elements()), changed


def list_points(story: Story, passage: Passage, stage: str) -> list[Point]:
    """The points that the stage's operation came by, but for those of a step that was cut short."""
    points = passage.service.crashes.points(passage.operations[stage]["id"])
    return [(step, moment) for step, moment in points if step != story.cut_short]


def _settled(world: MortalWorld) -> list[dict[str, Any]]:
    """The effects, once every job run that began has ended."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while True:
        effects = world.list_effects()
        kinds = Counter(effect["kind"] for effect in effects)
        if kinds["job-run-started"] == kinds["job-run-ended"]:
            return effects
        assert time.monotonic() < deadline, kinds
        time.sleep(0.05)


def _anonymous(passage: Passage, value: Any) -> Any:
    text = json.dumps(value, sort_keys=True).replace(passage.tag, "<tag>").replace(passage.audience, "<audience>")
    for pattern, placeholder in PATTERNS:
        text = re.sub(pattern, placeholder, text)
    return json.loads(text)


def _nothing(_passage: Passage) -> None:
    pass


def _version(passage: Passage) -> None:
    """A version to publish, for an audience whose recipient is not there yet."""
    admin, identifier = passage.world.sandbox.client("dev"), passage.world.sandbox.workspaces["prod"]
    for known in list(admin.recipients.list(data_recipient_global_metastore_id=identifier["global_metastore_id"])):
        admin.recipients.delete(known.name)
    passage.world.version(passage.model)


def _publish(passage: Passage) -> str:
    body = {"project": "bikes", "workspace": "dev", "audience": passage.audience, "model": passage.model, "version": 1}
    return passage.ask("POST", "/v1/publications", body)


def _accept(passage: Passage) -> str:
    provider = {"provider": {"workspace": "dev"}, "audience": passage.audience}
    more = {"grant_to": [READERS], "copy": True}
    return passage.ask("POST", "/v1/acceptances", {"project": "bikes", "workspace": "prod", **provider, **more})


def _give_back(passage: Passage) -> str:
    return passage.ask("DELETE", passage.operations["accept"]["resource"]["url"])


def _withdraw(passage: Passage) -> str:
    return passage.ask("DELETE", passage.operations["publish"]["resource"]["url"])


def _change_audience(passage: Passage) -> str:
    """Let the audience in again, after somebody revoked its grant by hand."""
    path = f"/api/2.1/unity-catalog/shares/causeway_bikes_{passage.audience}/permissions"
    change = {"changes": [{"principal": "causeway_prod", "remove": ["SELECT"]}]}
    passage.world.sandbox.call("dev", "PATCH", path, json=change).raise_for_status()
    body = {"project": "bikes", "workspace": "dev", "audience": passage.audience}
    return passage.ask("POST", "/v1/audience-changes", body)


def _reconcile(passage: Passage) -> str:
    """After somebody took the runner's right to the catalog."""
    admin, runner = passage.world.sandbox.client("prod"), passage.world.grants["PROD_RUNNER_bikes"]
    change = PermissionsChange(principal=runner, remove=[Privilege.EXECUTE])
    admin.grants.update("catalog", f"causeway_bikes_{passage.audience}", changes=[change])
    return passage.ask("POST", "/v1/reconciliations", {"project": "bikes", "workspace": "prod"})


def _remedy(passage: Passage) -> str:
    drifts = passage.get(passage.operations["reconcile"]["resource"]["url"])["drifts"]
    (found,) = [one for one in drifts if one["object"]["name"] == f"causeway_bikes_{passage.audience}"]
    return passage.ask("POST", f"/v1/drifts/{found['id']}/remedies", {"remedy": "put-back"})


def _train(passage: Passage) -> str:
    asked = {"data": RIDES, "target": "bikers", "exclude": ["casual", "registered"], "model": passage.model}
    effort = {"max_trials": 2, "learners": ["lgbm"]}
    return passage.ask("POST", "/v1/training-runs", {"project": "bikes", "workspace": "dev", **asked, **effort})


def _score(passage: Passage) -> str:
    return passage.ask("POST", "/v1/scoring-runs", passage.models.body(rows=[passage.models.row]))


def _create(passage: Passage) -> str:
    return passage.ask("POST", "/v1/deployments", passage.models.body(endpoint=passage.endpoint))


def _update(passage: Passage) -> str:
    return passage.ask("POST", "/v1/deployments", passage.models.body(endpoint=passage.endpoint, version=2))


def _cancel(passage: Passage) -> str:
    """A publication that is cancelled when its copy is there, its job has yet to say so, and it is waited for."""
    world, waits = passage.world, "wait for the copy job"
    world.fault(method="PUT", path="/api/2.0/fs/files/Volumes/*/result.json", kind="delay", delay_seconds=60)
    operation_id = _publish(passage)
    copy = f"causeway_shareable.causeway_bikes_{passage.audience}.{passage.tag}"
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not world.effects("model-version-ready", name=copy):
        assert time.monotonic() < deadline, passage.get(f"/v1/operations/{operation_id}")
        passage.service.revive()
        time.sleep(0.02)
    while waits not in [step["name"] for step in passage.get(f"/v1/operations/{operation_id}")["steps"]]:
        assert time.monotonic() < deadline, passage.get(f"/v1/operations/{operation_id}")
        time.sleep(0.02)
    passage.call("POST", f"/v1/operations/{operation_id}:cancel")
    return operation_id


SHARES = "/v1/workspaces/dev/shares/causeway_bikes_{passage.audience}"
STORIES = {
    "sharing": Story(
        _version,
        {
            "publish": _publish,
            "accept": _accept,
            "reconcile": _reconcile,
            "remedy": _remedy,
            "give-back": _give_back,
            "change-audience": _change_audience,
            "withdraw": _withdraw,
        },
        (SHARES, "/v1/workspaces/prod/catalogs?page_size=200"),
    ),
    "training": Story(_nothing, {"train": _train}, ("/v1/workspaces/dev/models/{passage.model}/versions/1",)),
    "scoring": Story(_nothing, {"score": _score}, ()),
    "serving": Story(
        _nothing,
        {"deploy as creation": _create, "deploy as update": _update},
        ("/v1/workspaces/prod/serving-endpoints/{passage.endpoint}",),
    ),
    "stopping": Story(_version, {"cancel": _cancel}, (SHARES,), cut_short="wait for the copy job"),
}
