"""Which metastores and workspaces are there, what links them, and where does a name really lead?

A workspace sits on a metastore. What a metastore shares is seen on another one through a catalog made from the share:
`resolve()` is the one place that says which metastore and which source a name stands for. The documents it reads are

- `catalog` (scope: metastore, by name): `owner`, and for one made from a share `provider_name` and `share_name`;
- `share` (by name): `owner`, `objects: [{name, data_object_type, string_shared_as or shared_as, added_at}]`, and
  `recipients`, a map of recipient names to the moment (ms) at which each got SELECT;
- `recipient` (by name): `data_recipient_global_metastore_id`.

A provider is never stored: B has one for every metastore where some recipient carries B's sharing identifier.
"""

import hashlib
import secrets
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from app.sandbox import grants, settings
from app.sandbox.settings import Settings
from app.sandbox.state import Document, State

# The metastore's own recipient and provider, for workspaces that share one metastore [3P].
SELF = "self"
# What the owner of a share needs on an object of each type, for as long as it is shared [DOC of tables and volumes].
SHOWING = {"MODEL": ("EXECUTE", "function"), "FUNCTION": ("EXECUTE", "function"), "TABLE": ("SELECT", "table")}


@dataclass(frozen=True)
class Metastore:
    """`key` is the scope of everything that Unity Catalog keeps, and of the account's principals."""

    key: str
    id: str
    name: str
    cloud: str
    region: str

    @property
    def global_id(self) -> str:
        """The sharing identifier."""
        return f"{self.cloud}:{self.region}:{self.id}"

    @property
    def admin(self) -> str:
        """The user who is admin of the metastore and of its workspaces."""
        return f"admin@{self.cloud}.example"

    @property
    def provider_name(self) -> str:
        """What others see as the provider's name: the platform chooses it, nobody may rely on it [DOC]."""
        return f"{self.cloud}-{self.region}-{hashlib.sha256(self.id.encode()).hexdigest()[:6]}"


@dataclass(frozen=True)
class Workspace:
    """`name` is the scope of what lives in a workspace: jobs, endpoints, experiments, tokens."""

    name: str
    id: str
    account_id: str
    metastore: Metastore
    port: int
    admin_token: str
    host: str = ""


@dataclass(frozen=True)
class Place:
    """Where a name leads: the owner's metastore and the name there. Through a share everything is `read_only`, and
    what is younger than `seen_until` (ms) is not visible yet.
    """

    metastore: str
    name: str
    read_only: bool
    seen_until: float = float("inf")


class World:
    """Everything the handlers stand on. `folder` holds the state and the files; `workspaces` is by name."""

    def __init__(self, folder: Path, plan: dict[str, str]) -> None:
        """`plan`: workspace name to cloud; what an earlier start wrote in the folder is taken up again."""
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.state = State(folder / "state.sqlite")
        with self.state.transaction():
            self.metastores = {cloud: self._open_metastore(cloud) for cloud in dict.fromkeys(plan.values())}
            self.workspaces = {name: self._open_workspace(name, cloud) for name, cloud in plan.items()}
            self.seed()

    @property
    def settings(self) -> Settings:
        """The settings as they are now."""
        return settings.get(self.state)

    def listen(self, name: str, host: str, port: int) -> None:
        """Note where the workspace answers; the port is the same after a restart."""
        workspace = replace(self.workspaces[name], port=port, host=f"http://{host}:{port}")
        self.workspaces[name] = workspace
        known = asdict(workspace)
        del known["metastore"], known["host"]
        self.state.put("workspace", "", name, known)

    def seed(self) -> None:
        """What is there before anybody did anything: the admins, and a catalog `main` that belongs to them."""
        for metastore in self.metastores.values():
            if self.state.find("principal", metastore.key, metastore.admin):
                continue
            self._seed_metastore(metastore)

    def resolve(self, metastore: str, full_name: str, object_type: str = "MODEL") -> Place | None:
        """Where the name of a model (or of another kind of shared object) leads, seen from `metastore`.

        None when it lies in a catalog from a share and the share does not show it (now): never added, not yet
        visible, revoked, or the share's owner lost the right to it. For other names the answer is the name itself:
        whether such a thing exists is for the caller to see. What is added is seen `visibility_seconds` later, what
        is taken away is gone at once [DOC "cached for one minute"].
        """
        catalog_name, _, rest = full_name.partition(".")
        catalog = self.state.find("catalog", metastore, catalog_name)
        if catalog is None or not catalog.get("share_name"):
            return Place(metastore, full_name, read_only=False)
        return next((place for _, place in self.list_shared_places(metastore, catalog, object_type, rest)), None)

    def list_shared_objects(
        self, consumer: str, provider: str, share_name: str, alias: str | None = None
    ) -> list[Document]:
        """The objects of a provider's share that the consumer's metastore sees now, as they stand in the share.

        With `alias` only those that are seen under it: whoever looks for one asks the owner's rights for one.
        """
        share = self.state.find("share", provider, share_name)
        if share is None or not self.sees_share(consumer, provider, share_name):
            return []
        seen_until = now_ms() - 1000 * self.settings.visibility_seconds
        return [
            source
            for source in share["objects"]
            if alias in (None, get_alias(source))
            and source["added_at"] <= seen_until
            and self.owner_may_share(provider, share, source)
        ]

    def list_shared_schemas(self, consumer: str, catalog: Document) -> list[str]:
        """The schemas that a catalog from a share shows now, given its document."""
        places = [place for kind in SHOWING for place in self.list_shared_places(consumer, catalog, kind)]
        return sorted({alias.partition(".")[0] for alias, _ in places})

    def list_shared_places(
        self, consumer: str, catalog: Document, object_type: str, alias: str | None = None
    ) -> list[tuple[str, Place]]:
        """What a catalog from a share shows now of a kind, or under one alias: (schema.name, where it leads)."""
        provider = self.find_provider(consumer, catalog["provider_name"])
        if provider is None:
            return []
        seen_until = now_ms() - 1000 * self.settings.visibility_seconds
        return [
            (get_alias(source), Place(provider.key, source["name"], read_only=True, seen_until=seen_until))
            for source in self.list_shared_objects(consumer, provider.key, catalog["share_name"], alias)
            if source["data_object_type"] == object_type
        ]

    def sees_share(self, consumer: str, provider: str, share_name: str) -> bool:
        """Whether there is such a share on which the consumer's metastore has SELECT, for long enough to be visible."""
        share = self.state.find("share", provider, share_name)
        since = self.find_grant_moment(consumer, provider, share) if share else None
        return since is not None and since <= now_ms() - 1000 * self.settings.visibility_seconds

    def find_grant_moment(self, consumer: str, provider: str, share: Document) -> float | None:
        """When (ms) the consumer's metastore got SELECT on the provider's share; None when it has none."""
        granted = share["recipients"]
        moments = [granted[name] for name in self._recipient_names(consumer, provider) if name in granted]
        return min(moments, default=None)

    def list_providers(self, metastore: str) -> list[Metastore]:
        """The metastores that have a recipient for this one; itself as `self` is not among them."""
        return [
            other
            for other in self.metastores.values()
            if other.key != metastore and any(self._recipient_names(metastore, other.key))
        ]

    def find_provider(self, metastore: str, name: str) -> Metastore | None:
        """The metastore that `metastore` sees as the provider of this name."""
        if name == SELF:
            return self.metastores[metastore]
        return next((other for other in self.list_providers(metastore) if other.provider_name == name), None)

    def _recipient_names(self, consumer: str, provider: str) -> Iterator[str]:
        if consumer == provider:
            yield SELF
        identifier = self.metastores[consumer].global_id
        for name, recipient in self.state.list_all("recipient", provider):
            if recipient.get("data_recipient_global_metastore_id") == identifier:
                yield name

    def owner_may_share(self, provider: str, share: Document, source: Document) -> bool:
        """Whether the share's owner (still) has the rights to show the object; else recipients do not see it [DOC]."""
        privilege, kind = SHOWING[source["data_object_type"]]
        owner = share["owner"]
        catalog, schema, _ = source["name"].split(".")
        return all(
            grants.holds(self.state, provider, owner, *wanted)
            for wanted in (
                ("USE_CATALOG", "catalog", catalog),
                ("USE_SCHEMA", "schema", f"{catalog}.{schema}"),
                (privilege, kind, source["name"]),
            )
        )

    def _open_metastore(self, cloud: str) -> Metastore:
        known = self.state.find("metastore", "", cloud)
        if known is None:
            region = {"aws": "us-east-1", "azure": "westeurope"}[cloud]
            metastore = Metastore(cloud, str(uuid.uuid4()), f"metastore_{cloud}_{region}", cloud, region)
            known = self.state.put("metastore", "", cloud, asdict(metastore))
        return Metastore(**known)

    def _open_workspace(self, name: str, cloud: str) -> Workspace:
        known = self.state.find("workspace", "", name) or {
            "name": name,
            "id": str(10**15 + secrets.randbelow(9 * 10**15)),
            "account_id": str(uuid.uuid5(uuid.NAMESPACE_URL, self.metastores[cloud].id)),
            "port": 0,
            "admin_token": f"dapi{secrets.token_hex(16)}",
        }
        return Workspace(**known, metastore=self.metastores[cloud])

    def _seed_metastore(self, metastore: Metastore) -> None:
        now = now_ms()
        admin = {"id": "1", "kind": "user", "display_name": metastore.admin, "active": True, "admin": True}
        self.state.put("principal", metastore.key, metastore.admin, admin)
        known = {"owner": metastore.admin, "created_by": metastore.admin, "created_at": now, "comment": None}
        self.state.put("catalog", metastore.key, "main", {**known, "id": str(uuid.uuid4())})
        self.state.put("schema", metastore.key, "main.default", {**known, "id": str(uuid.uuid4())})


def get_alias(source: Document) -> str:
    """The `schema.name` by which recipients see an object of a share."""
    return str(source.get("string_shared_as") or source["shared_as"])


def now_ms() -> int:
    """Milliseconds since the epoch, the platform's way to tell a moment."""
    return time.time_ns() // 1_000_000
