"""The world is changed behind Causeway's back with the plain SDK: every kind of drift is found, named, and healed."""

import hashlib
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from databricks.sdk.errors import NotFound
from databricks.sdk.service.catalog import PermissionsChange, Privilege
from databricks.sdk.service.sharing import (
    AuthenticationType,
    SharedDataObject,
    SharedDataObjectDataObjectType,
    SharedDataObjectUpdate,
    SharedDataObjectUpdateAction,
)
from databricks.sdk.service.sharing import PermissionsChange as ShareChange

from app import configuration
from app.domain.drifts import KINDS, Look, promised
from app.store import connection
from tests.journeys.drifting import Drift, names, of, reconcile, remedy
from tests.sandbox.running import unique
from tests.service_process import wait_for_end
from tests.two_workspaces import BOB, FAR_PARTNER, PARTNER, VIEWER, TwoWorkspaces, make_version, problem

pytestmark = pytest.mark.xdist_group("sharing")
SHAREABLE = "causeway_shareable"
LISTS = "/(shares|recipients|schemas|catalogs|models|versions)$|/effective-permissions/"
KEYS = {"acceptances": "catalog", "deployments": "endpoint"}
AUDIENCES = ("gone", "wide", "empty", "ended", "hidden", "lost", "far")
ACCEPTED = ("wide", "empty", "ended", "hidden", "lost")
STRANGER = "aws:us-east-1:12121212-3434-5656-7878-909090909090"

# Kind, audience in which it is made, severity, remedy (None: only people can heal it).
CASES = [
    ("share-gone", "gone", "HIGH", "put-back"),
    ("share-foreign", "ended", "CRITICAL", None),
    ("share-hidden", "hidden", "HIGH", None),
    ("share-object-missing", "empty", "HIGH", "put-back"),
    ("share-object-foreign", "wide", "CRITICAL", "put-back"),
    ("share-object-denied", "lost", "HIGH", None),
    ("model-hidden", "lost", "HIGH", None),
    ("reader-lost", "wide", "HIGH", "put-back"),
    ("reader-unknown", "wide", "CRITICAL", "put-back"),
    ("recipient-gone", "far", "HIGH", "put-back"),
    ("version-unvetted", "wide", "CRITICAL", "put-back"),
    ("writer-unknown", "wide", "HIGH", "put-back"),
    ("digest-changed", "empty", "CRITICAL", "put-back"),
    ("version-gone", "far", "HIGH", "put-back"),
    ("version-gone", "ended", "HIGH", "accept"),
    ("catalog-gone", "wide", "HIGH", "put-back"),
    ("catalog-gone", "ended", "HIGH", "accept"),
    ("catalog-replaced", "hidden", "CRITICAL", "accept"),
    ("catalog-users-lost", "empty", "HIGH", "put-back"),
    ("catalog-owner-changed", "lost", "HIGH", None),
]


class BehindOurBack:
    """What was published and accepted, every change that an admin makes by hand, and what Causeway says of it."""

    def __init__(self, world: TwoWorkspaces) -> None:
        self.world, self.dev, self.prod = world, world.sandbox.client("dev"), world.sandbox.client("prod")
        self.control = world.grants["DEV_CONTROL_ID"]
        self.admin = self.dev.current_user.me().user_name
        self.publications = self._publish()
        self.acceptances = self._accept()
        self.stranger, self.writer = unique("stranger"), world.sandbox.person("dev").name
        self.foreign = world.model()
        self.audiences = world.make_configuration()["projects"]["bikes"]["audiences"]

    def share(self, audience: str) -> str:
        return f"causeway_bikes_drift_{audience}"

    def copy(self, audience: str) -> str:
        return str(self.publications[audience]["published"]["model"])

    def change_everything(self) -> None:
        self._change_shares()
        self._change_copies()
        self._change_catalogs()

    def heal_by_hand(self) -> None:
        """What the advice says where no remedy is offered."""
        self.dev.shares.update(self.share("hidden"), owner=self.control)
        with suppress(NotFound):
            self.dev.shares.update(self.share("ended"), owner=self.admin)
            self.dev.shares.delete(self.share("ended"))
        self.dev.registered_models.update(self.copy("lost"), owner=self.control)
        self._grant(SHAREABLE, self.control, add=[Privilege.EXECUTE])
        self.prod.catalogs.update(self.share("lost"), owner=self.world.grants["PROD_CONTROL_ID"])

    def count_calls(self, since: int) -> dict[str, tuple[int, int]]:
        """By workspace: how many requests Causeway has made since then, and how many docs/drift.md says it makes."""
        seen = self.world.sandbox.call("dev", "GET", "/__sandbox/requests").json()["requests"]
        own = [one for one in seen if one["at"] >= since and one["principal"] in self.world.grants.values()]
        asked = [one for one in own if "/oidc/" not in one["path"] and "metastore_summary" not in one["path"]]
        paths = Counter((one["workspace"], one["path"]) for one in asked)
        made = Counter[str]()
        for (workspace, path), number in paths.items():
            # Each list of the sandbox begins with an empty page.
            made[workspace] += (number + 1) // 2 if re.search(LISTS, path) else number
        names = {f"causeway_bikes_{audience}" for audience in self.audiences}
        shared = [one.name for one in self.dev.shares.list_shares() if one.name in names]
        schemas = [one.full_name for one in self.dev.schemas.list(SHAREABLE) if one.name in names]
        places = [dict(zip(("catalog_name", "schema_name"), name.split("."), strict=True)) for name in schemas]
        models = [one for place in places for one in self.dev.registered_models.list(**place)]
        active = {kind: self._list_active(kind) for kind in ("acceptances", "deployments")}
        catalogs, endpoints = ({one[key] for one in active[kind]} for kind, key in KEYS.items())
        dev = 5 + 2 * len(shared) + 5 * len(schemas) + len(models)
        prod = 2 + (1 + len(catalogs)) + (1 + len(endpoints) if endpoints else 0)
        return {"dev": (made["dev"], dev), "prod": (made["prod"], prod)}

    def _list_active(self, kind: str) -> list[dict[str, Any]]:
        path = f"/v1/{kind}?project=bikes&state=ACTIVE&page_size=200"
        found = self.world.alice.get(path).json()["items"]
        return [one for one in found if one["workspace"] == "prod"]

    def is_ours(self, drift: Drift) -> bool:
        told = ["drift_", self.stranger, self.writer, self.foreign, "eu_west_1"]
        return any(names(drift, one) for one in told)

    def _publish(self) -> dict[str, dict[str, Any]]:
        asked = {}
        for audience in AUDIENCES:
            model = self.world.model()
            asked[audience] = self.world.publish(model, self.world.version(model), audience=f"drift_{audience}")
        return {audience: self.world.record(one) for audience, one in asked.items()}

    def _accept(self) -> dict[str, dict[str, Any]]:
        asked = {audience: self.world.accept(audience=f"drift_{audience}") for audience in ACCEPTED}
        return {audience: self.world.record(one) for audience, one in asked.items()}

    def _change_shares(self) -> None:
        admin = self.dev
        for audience in ("gone", "ended", "empty", "wide"):
            admin.shares.update(self.share(audience), owner=self.admin)
        for audience in ("gone", "ended"):
            admin.shares.delete(self.share(audience))
        # Somebody else's under our name, which Causeway is let see.
        admin.shares.create(self.share("ended"))
        admin.shares.update(self.share("ended"), owner=self.control)
        self._update(self.share("empty"), SharedDataObjectUpdateAction.REMOVE, self.copy("empty"))
        make_version(self.world.sandbox, self.foreign)
        self._update(self.share("wide"), SharedDataObjectUpdateAction.ADD, self.foreign)
        admin.recipients.create(
            self.stranger, AuthenticationType.DATABRICKS, data_recipient_global_metastore_id=STRANGER
        )
        let_in = ShareChange(principal=self.stranger, add=["SELECT"])
        shut_out = ShareChange(principal=self.recipient, remove=["SELECT"])
        admin.shares.update_permissions(self.share("wide"), changes=[let_in, shut_out])
        for audience in ("empty", "wide"):
            admin.shares.update(self.share(audience), owner=self.control)
        admin.shares.update(self.share("hidden"), owner=self.world.sandbox.person("dev").name)
        (far,) = list(admin.recipients.list(data_recipient_global_metastore_id=FAR_PARTNER))
        admin.recipients.delete(far.name)

    def _change_copies(self) -> None:
        for audience in ("far", "ended"):
            self.dev.model_versions.delete(self.copy(audience), self.publications[audience]["published"]["version"])
        make_version(self.world.sandbox, self.copy("wide"))
        self._turn_a_byte(self.publications["empty"])
        schema = self.copy("wide").rpartition(".")[0]
        self.world.sandbox.grant("dev", "schema", schema, self.writer, "CREATE_MODEL")
        self.dev.registered_models.update(self.copy("lost"), owner=self.admin)
        self._grant(SHAREABLE, self.control, remove=[Privilege.EXECUTE])

    def _change_catalogs(self) -> None:
        for audience in ("wide", "ended", "hidden"):
            self.prod.catalogs.delete(self.share(audience), force=True)
        self.prod.catalogs.create(self.share("hidden"))
        self.world.sandbox.grant(
            "prod", "catalog", self.share("hidden"), self.world.grants["PROD_CONTROL_ID"], "USE_CATALOG"
        )
        runner = self.world.grants["PROD_RUNNER_bikes"]
        change = PermissionsChange(principal=runner, remove=[Privilege.EXECUTE])
        self.prod.grants.update("catalog", self.share("empty"), changes=[change])
        self.prod.catalogs.update(self.share("lost"), owner=self.world.sandbox.person("prod").name)

    def _turn_a_byte(self, publication: dict[str, Any]) -> None:
        """In the copy, as nobody can over the API; the source came first."""
        (promised,) = [one["sha256"] for one in publication["files"] if one["path"] == "model.bin"]
        files = (self.world.sandbox.folder / "files").glob("*/models/*/*/model.bin")
        same = [path for path in files if hashlib.sha256(path.read_bytes()).hexdigest() == promised]
        copy = max(same, key=lambda path: path.stat().st_ctime)
        assert len(same) == 2
        copy.write_bytes(copy.read_bytes()[::-1])

    def _grant(self, catalog: str, principal: str, **change: list[Privilege]) -> None:
        self.dev.grants.update("catalog", catalog, changes=[PermissionsChange(principal=principal, **change)])

    @property
    def recipient(self) -> str:
        return str(self.publications["wide"]["recipients"][0]["name"])

    def _update(self, share: str, action: SharedDataObjectUpdateAction, model: str) -> None:
        thing = SharedDataObject(name=model, data_object_type=SharedDataObjectDataObjectType.MODEL)
        self.dev.shares.update(share, updates=[SharedDataObjectUpdate(action=action, data_object=thing)])


class Told:
    """What was found before and after the remedies, and how each remedy ended."""

    def __init__(self, behind: BehindOurBack) -> None:
        self.behind, world = behind, behind.world
        began = time.time_ns() // 1_000_000
        self.calm = [one for one in reconcile(world, "dev", "prod") if behind.is_ours(one)]
        self.calls = behind.count_calls(began)
        behind.change_everything()
        self.found = [one for one in reconcile(world, "dev", "prod") if behind.is_ours(one)]
        self.again = [one for one in reconcile(world, "dev", deep=True) if behind.is_ours(one)]
        self.found += [one for one in self.again if one["kind"] == "digest-changed"]
        self.silent = self._ask_in_vain()
        self.still_open = world.alice.get("/v1/drifts", params={"workspace": "prod", "state": "OPEN"}).json()["items"]
        # What is published or accepted again needs the share and its recipients first.
        quick = [case for case in CASES if case[0] not in {"version-gone", "digest-changed", "catalog-gone"}]
        self.ended = {**self._remedy(quick), **self._remedy([case for case in CASES if case not in quick])}
        behind.heal_by_hand()
        looked = [*reconcile(world, "dev", deep=True), *reconcile(world, "prod")]
        self.left = [one for one in looked if behind.is_ours(one)]

    def _remedy(self, cases: list[tuple[str, str, str, str | None]]) -> dict[str, Any]:
        """How the remedies of these cases ended, all at once, by the drift's id."""
        world, found = (
            self.behind.world,
            [(self.get(kind, audience), name) for kind, audience, _, name in cases if name],
        )
        asked = {drift["id"]: remedy(world, drift, name) for drift, name in found}
        return {drift_id: world.end(one) for drift_id, one in asked.items()}

    def _ask_in_vain(self) -> dict[str, Any]:
        """A reconciliation while prod refuses Causeway as a whole."""
        world = self.behind.world
        refusal = {"kind": "refuse", "status": 403, "error_code": "PERMISSION_DENIED"}
        world.fault("prod", method="GET", path="/api/2.0/preview/scim/v2/Me", **refusal)
        try:
            return world.record(world.post("reconciliations", {"project": "bikes", "workspace": "prod"}))
        finally:
            world.sandbox.call("prod", "DELETE", "/__sandbox/faults")

    def get(self, kind: str, audience: str) -> Drift:
        told = {
            ("share-object-foreign", "wide"): self.behind.foreign,
            ("reader-unknown", "wide"): self.behind.stranger,
            ("writer-unknown", "wide"): self.behind.writer,
        }
        return of(self.found, kind, told.get((kind, audience), f"drift_{audience}"))


@pytest.fixture(scope="module")
def told(world: TwoWorkspaces) -> Iterator[Told]:
    behind = BehindOurBack(world)
    try:
        yield Told(behind)
    finally:
        behind.heal_by_hand()


def test_what_is_as_it_was_promised_is_no_drift(told: Told) -> None:
    assert told.calm == []


def test_a_look_costs_what_the_formula_says_and_never_a_request_a_version(told: Told) -> None:
    for made, expected in told.calls.values():
        assert made == expected


@pytest.mark.parametrize(("kind", "audience", "severity", "name"), CASES)
def test_what_was_changed_by_hand_is_found_and_named_and_its_remedy_heals_it(
    told: Told, kind: str, audience: str, severity: str, name: str | None
) -> None:
    drift = told.get(kind, audience)

    assert (drift["severity"], drift["state"]) == (severity, "OPEN")
    assert drift["wanted"]
    assert drift["found"]
    assert drift["advice"]
    assert (name in [one["name"] for one in drift["remedies"]]) if name else drift["remedies"] == []
    if name is not None:
        ended = told.ended[drift["id"]]
        assert ended["state"] == "SUCCEEDED", ended
        assert told.behind.world.alice.get(f"/v1/drifts/{drift['id']}").json()["state"] == "REMEDIED"
    assert drift["id"] not in [one["id"] for one in told.left]


def test_nothing_else_was_found_and_nothing_is_left(told: Told) -> None:
    expected = [told.get(kind, audience)["id"] for kind, audience, _, _ in CASES]

    assert sorted(one["id"] for one in told.found) == sorted(expected)
    assert told.left == []


def test_the_same_difference_is_the_same_drift_and_known_since_the_first_time(told: Told) -> None:
    first = {one["id"]: one for one in told.found if one["object"]["workspace"] == "dev"}

    assert {one["id"] for one in told.again} == set(first)
    for one in told.again:
        if one["kind"] == "digest-changed":
            continue
        assert one["known_since"] == first[one["id"]]["known_since"]
        assert one["reconciliation_id"] != first[one["id"]]["reconciliation_id"]


def test_a_workspace_that_does_not_answer_is_unknown_and_not_empty(told: Told) -> None:
    (part,) = told.silent["workspaces"]

    assert (told.silent["state"], part["state"], part["problem"]["code"]) == (
        "SUCCEEDED",
        "UNKNOWN",
        "workspace-refused",
    )
    assert told.silent["drifts"] == []
    before = {one["id"] for one in told.found if one["object"]["workspace"] == "prod"}
    assert before <= {one["id"] for one in told.still_open}


def test_drift_is_the_projects_own(told: Told) -> None:
    world, drift = told.behind.world, told.get("share-hidden", "hidden")
    bob, path = world.service.client(BOB), f"drifts/{drift['id']}"

    assert bob.get("/v1/drifts").json()["items"] == []
    assert bob.get("/v1/reconciliations").json()["items"] == []
    problem(bob.get(f"/v1/{path}"), 404, "record-not-found")
    problem(bob.get(f"/v1/reconciliations/{drift['reconciliation_id']}"), 404, "record-not-found")
    problem(world.post(f"{path}/remedies", {"remedy": "put-back"}, client=bob), 404, "record-not-found")
    problem(world.post("reconciliations", {"project": "bikes"}, client=bob), 404, "project-not-found")
    # What lies in one project's share is no drift of another one's.
    asked = world.post("reconciliations", {"project": "trains", "workspace": "dev"}, client=bob).json()
    mine = bob.get(wait_for_end(bob, asked["id"])["resource"]["url"]).json()
    assert [one for one in mine["drifts"] if told.behind.is_ours(one)] == []


def test_who_only_looks_remedies_nothing_and_only_what_is_offered_is_done(told: Told) -> None:
    world, hidden, wide = told.behind.world, told.get("share-hidden", "hidden"), told.get("reader-unknown", "wide")
    viewer = world.service.client(VIEWER)

    assert viewer.get(f"/v1/drifts/{hidden['id']}").json()["found"] == hidden["found"]
    problem(world.post("reconciliations", {"project": "bikes"}, client=viewer), 403, "permission-denied")
    problem(remedy(world, wide, "put-back", viewer), 403, "permission-denied")
    refused = problem(remedy(world, hidden, "put-back"), 409, "remedy-not-offered")
    assert told.behind.control in refused["detail"]
    # A record cannot make it right that a stranger reads; the configuration could.
    problem(remedy(world, wide, "accept"), 409, "remedy-not-offered")
    problem(remedy(world, wide, "put-back"), 409, "record-not-active")
    problem(world.post(f"drifts/{wide['id']}/remedies", {"remedy": "pray"}), 422, "request-invalid")


def test_the_configuration_decides_who_is_to_read(told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    world, share = told.behind.world, told.behind.share("wide")
    for name, secret in world.secrets.items():
        monkeypatch.setenv(name, secret)
    configured = world.make_configuration()
    configured["projects"]["bikes"]["audiences"]["drift_wide"] = {"recipients": [{"sharing_identifier": PARTNER}]}
    (tmp_path / "causeway.yaml").write_text(yaml.safe_dump(configured))
    configuration.use(tmp_path / "causeway.yaml")
    connection.connect(world.service.database_url)
    try:
        look = Look("bikes", "dev", promised("bikes", "dev"))
        dropped, pending = (list(KINDS[kind].find(look)) for kind in ("reader-dropped", "reader-pending"))
    finally:
        connection.disconnect()

    assert [one.object_name for one in dropped if share in one.wanted] == [told.behind.recipient]
    assert [one.object_name for one in pending if share in one.wanted] == [PARTNER]


def test_a_promise_that_was_accepted_as_broken_says_why(told: Told) -> None:
    world, drift = told.behind.world, told.get("version-gone", "ended")
    ended = world.alice.get(drift["record"]["url"]).json()

    assert ended["state"] == "WITHDRAWN"
    operation = world.alice.get(f"/v1/reconciliations/{drift['reconciliation_id']}").json()["operation_id"]
    for one in (operation, told.ended[drift["id"]]["id"]):
        events = world.alice.get("/v1/audit-events", params={"operation_id": one, "page_size": 200}).json()["items"]
        assert drift["id"] in [event["resource"] for event in events]
