"""Everything that an admin can change by hand with the plain SDK behind Causeway's back, in audiences of its own."""

import hashlib
import re
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from databricks.sdk.errors import NotFound
from databricks.sdk.service.catalog import PermissionsChange, Privilege
from databricks.sdk.service.sharing import (
    AuthenticationType,
    SharedDataObject,
    SharedDataObjectDataObjectType,
    SharedDataObjectUpdate,
    SharedDataObjectUpdateAction,
    ShareInfo,
)
from databricks.sdk.service.sharing import PermissionsChange as ShareChange

from app.domain.ownership import adoption_id
from tests.journeys.drifting import Drift, names
from tests.journeys.test_contents import make_dependent, make_needed
from tests.sandbox.running import unique
from tests.sandbox.sharing import make_table
from tests.two_workspaces import DECLARED_TABLE, FAR_PARTNER, TwoWorkspaces, make_version

SHAREABLE = "causeway_shareable"
LISTS = "/(shares|recipients|schemas|catalogs|models|versions)$|/effective-permissions/"
KEYS = {"acceptances": "catalog", "deployments": "endpoint"}
AUDIENCES = ("gone", "wide", "empty", "ended", "hidden", "lost", "far", "whole", "kept")
# Of these two versions each.
TWICE = {"whole": {"mode": "whole-model", "on_conflict": "queue"}, "kept": dict[str, str]()}
ACCEPTED: dict[str, dict[str, Any]] = {
    **{name: {} for name in ("wide", "empty", "ended", "hidden", "lost")},
    "kept": {"copy": True},
}
STRANGER = "aws:us-east-1:12121212-3434-5656-7878-909090909090"


class BehindOurBack:
    """What was published and accepted, every change that an admin makes by hand, and what Causeway says of it."""

    def __init__(self, world: TwoWorkspaces) -> None:
        self.world, self.dev, self.prod = world, world.sandbox.client("dev"), world.sandbox.client("prod")
        self.control = world.grants["DEV_CONTROL_ID"]
        self.admin = self.dev.current_user.me().user_name
        self.needed = make_needed(world)
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

    def undo_in_part(self) -> None:
        """What remedies put back last in `gone` and `far`: as if they had been cut off before it."""
        (far,) = list(self.dev.recipients.list(data_recipient_global_metastore_id=FAR_PARTNER))
        for audience in ("gone", "far"):
            self.dev.shares.update(self.share(audience), owner=self.admin)
        self._update(self.share("gone"), SharedDataObjectUpdateAction.REMOVE, self.copy("gone"))
        shut_out = ShareChange(principal=far.name, remove=["SELECT"])
        self.dev.shares.update_permissions(self.share("far"), changes=[shut_out])
        for audience in ("gone", "far"):
            self.dev.shares.update(self.share(audience), owner=self.control)

    def count_calls(self, since: int) -> dict[str, tuple[int, int]]:
        """By workspace: how many requests Causeway has made since then, and how many docs/drift.md says."""
        seen = self.world.sandbox.call("dev", "GET", "/__sandbox/requests", params={"since": since}).json()["requests"]
        ours = [one for one in seen if one["principal"] in self.world.grants.values()]
        asked = [one for one in ours if "/oidc/" not in one["path"] and "metastore_summary" not in one["path"]]
        names = {f"causeway_bikes_{audience}" for audience in self.audiences}
        # Another test's audience, which the configuration has dropped since, is looked at by its promises alone.
        known = [one for one in asked if set(re.findall(r"causeway_bikes_\w+", one["path"])) <= names]
        paths = Counter((one["workspace"], one["path"]) for one in known)
        made = Counter[str]()
        for (workspace, path), number in paths.items():
            # Each list of the sandbox begins with an empty page.
            made[workspace] += (number + 1) // 2 if re.search(LISTS, path) else number
        shared = [one for one in self.dev.shares.list_shares() if one.name in names]
        own = [one for one in shared if self._is_own(one)]
        schemas = [one.full_name for one in self.dev.schemas.list(SHAREABLE) if one.name in names]
        places = [dict(zip(("catalog_name", "schema_name"), name.split("."), strict=True)) for name in schemas]
        models = [one for place in places for one in self.dev.registered_models.list(**place)]
        active = {kind: self._list_active(kind) for kind in ("acceptances", "deployments")}
        catalogs, endpoints = ({one[key] for one in active[kind]} for kind, key in KEYS.items())
        owned = {copy["owned"]["model"] for one in active["acceptances"] for copy in one["copies"]}
        published = self.world.alice.get("/v1/publications?project=bikes&state=ACTIVE&page_size=200").json()["items"]
        whole = {one["source"]["model"] for one in published if one["mode"] == "whole-model"}
        dev = 5 + len(shared) + len(own) + 5 * len(schemas) + len(models) + len(whole)
        prod = 2 + (1 + len(catalogs)) + len(owned) + (1 + len(endpoints) if endpoints else 0)
        return {"dev": (made["dev"], dev), "prod": (made["prod"], prod)}

    def _is_own(self, share: ShareInfo) -> bool:
        """Whether Causeway made it or it was adopted: the readers of no other one are asked for."""
        made = datetime.fromtimestamp((share.created_at or 0) / 1000, UTC)
        path = f"/v1/adoptions/{adoption_id('dev', 'share', str(share.name), made)}"
        return share.created_by == self.control or self.world.alice.get(path).status_code == 200

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
            version, more = self.world.version(model), dict[str, Any]()
            if audience == "wide":
                version, more = make_dependent(self.world, model, *self.needed), {"include_dependencies": True}
            versions = [version, *([self.world.version(model)] if audience in TWICE else [])]
            more |= TWICE.get(audience, {})
            for number in versions:
                name = audience if number == version else f"{audience} {number}"
                asked[name] = self.world.publish(model, number, audience=f"drift_{audience}", **more)
        published = {audience: self.world.record(one) for audience, one in asked.items()}
        make_table(self.dev, DECLARED_TABLE)
        self.world.sandbox.grant("dev", "TABLE", DECLARED_TABLE, self.control, "SELECT")
        change = {"project": "bikes", "workspace": "dev", "audience": "drift_wide"}
        self.world.record(self.world.post("audience-changes", change))
        return published

    def _accept(self) -> dict[str, dict[str, Any]]:
        asked = {name: self.world.accept(audience=f"drift_{name}", **more) for name, more in ACCEPTED.items()}
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
        for name, kind in {DECLARED_TABLE: "TABLE", self.needed[0]: "TABLE", self.needed[1]: "FUNCTION"}.items():
            self._update(self.share("wide"), SharedDataObjectUpdateAction.REMOVE, name, kind)
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
        self._turn_a_byte(self.publications["empty"], beside=1)
        self._turn_a_byte(self.publications["whole"], beside=0)
        self.dev.model_versions.delete(self.copy("whole"), 2)
        make_version(self.world.sandbox, self.copy("whole"))
        schema = self.copy("wide").rpartition(".")[0]
        self.world.sandbox.grant("dev", "schema", schema, self.writer, "CREATE_MODEL")
        self.dev.registered_models.update(self.copy("lost"), owner=self.admin)
        self._grant(SHAREABLE, self.control, remove=[Privilege.EXECUTE])

    def _change_catalogs(self) -> None:
        self.prod.model_versions.delete(self.owned, 1)
        # Of two that were copied at once, either may have come first.
        twice = (self.publications["kept"], self.publications["kept 2"])
        self._turn_a_byte(next(one for one in twice if one["published"]["version"] == 2), beside=2)
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

    def _turn_a_byte(self, publication: dict[str, Any], *, beside: int) -> None:
        """In the last copy, as nobody can over the API; so many others of the same bytes came first."""
        (promised,) = [one["sha256"] for one in publication["files"] if one["path"] == "model.bin"]
        files = (self.world.sandbox.folder / "files").glob("*/models/*/*/model.bin")
        same = [path for path in files if hashlib.sha256(path.read_bytes()).hexdigest() == promised]
        copy = max(same, key=lambda path: path.stat().st_ctime)
        assert len(same) == beside + 1
        copy.write_bytes(copy.read_bytes()[::-1])

    @property
    def owned(self) -> str:
        """The model that prod keeps copies in."""
        return str(self.acceptances["kept"]["copies"][0]["owned"]["model"])

    def _grant(self, catalog: str, principal: str, **change: list[Privilege]) -> None:
        self.dev.grants.update("catalog", catalog, changes=[PermissionsChange(principal=principal, **change)])

    @property
    def recipient(self) -> str:
        return str(self.publications["wide"]["recipients"][0]["name"])

    def _update(self, share: str, action: SharedDataObjectUpdateAction, name: str, kind: str = "MODEL") -> None:
        thing = SharedDataObject(name=name, data_object_type=SharedDataObjectDataObjectType(kind))
        self.dev.shares.update(share, updates=[SharedDataObjectUpdate(action=action, data_object=thing)])
