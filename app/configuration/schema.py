"""The shape of `causeway.yaml`: what exists, who may do what, and whose names are whose."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from app.configuration.secrets import Secret

Role = Literal["viewer", "invoker", "publisher", "deployer", "approver"]
RETIRING = "RETIRING"
NIST_CURVES = ("secp256r1", "secp384r1", "secp521r1")
LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def _https_outside_loopback(host: str) -> str:
    parts = urlsplit(host)
    if parts.scheme not in {"https", "http"} or not parts.hostname or parts.path.strip("/") or parts.username:
        raise ValueError("a host is https://name, with no path and no user")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise ValueError("plain http is for loopback only")
    return host.rstrip("/")


def _prefix_pattern(pattern: str) -> str:
    if "*" in pattern[:-1]:
        raise ValueError("a pattern may hold * at its end only")
    return pattern


def _on_nist_curve(pem: str) -> str:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise ValueError("this is no public key in PEM") from error
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name not in NIST_CURVES:
        raise ValueError(f"a key that signs copies is on one of the curves {', '.join(NIST_CURVES)}")
    return pem


Host = Annotated[str, AfterValidator(_https_outside_loopback)]
Word = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]
Segment = r"[A-Za-z0-9_-]+"
Volume = Annotated[str, Field(pattern=rf"^{Segment}\.{Segment}\.{Segment}$")]
SourcePattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+\*?$"), AfterValidator(_prefix_pattern)]
EndpointPattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+\*?$"), AfterValidator(_prefix_pattern)]
Principal = Annotated[str, Field(pattern=r"^(person|service):[^\s:/]+$")]
MetricName = Annotated[str, Field(min_length=1, max_length=250)]
TagName = Annotated[str, Field(min_length=1, max_length=255)]
TagValue = Annotated[str, Field(max_length=1000)]
# The one line of base64 between BEGIN and END that `openssl pkey -pubout` prints of an Ed25519 key.
AuditKey = Annotated[str, Field(pattern=r"^MCowBQYDK2VwAyEA[A-Za-z0-9+/]{43}=$")]
PublicKey = Annotated[str, AfterValidator(_on_nist_curve)]
SharingIdentifier = Annotated[str, Field(pattern=r"^[a-z]+:[a-z0-9-]+:[A-Za-z0-9-]+$")]
ShareName = Annotated[str, Field(pattern=rf"^{Segment}$", max_length=100)]
FullName = Annotated[str, Field(pattern=rf"^{Segment}\.{Segment}\.{Segment}$", max_length=255)]
Grantee = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]+$", max_length=255)]


class Part(BaseModel):
    """A part of the file: unknown keys are refused, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, populate_by_name=True)


class OAuthClient(Part):
    """A service principal with an OAuth secret: what control should be."""

    type: Literal["oauth-m2m"]
    client_id: str
    client_secret: Secret


class AccessToken(Part):
    """A personal access token, for workspaces that have nothing better."""

    type: Literal["pat"]
    token: Secret


class Serverless(Part):
    """Jobs run on serverless compute with an environment of this version."""

    environment_version: str = "4"


class JobCluster(Part):
    """Jobs run on a new single-node cluster of their own."""

    spark_version: str
    node_type_id: str


class Compute(Part):
    """Where jobs run; serverless unless a cluster is described."""

    serverless: Serverless | None = None
    job_cluster: JobCluster | None = None


class Workspace(Part):
    """One Databricks workspace and the identity by which Causeway controls it."""

    host: Host
    cloud: Literal["aws", "azure", "gcp"]
    auth: Annotated[OAuthClient | AccessToken, Field(discriminator="type")]
    volume: Volume
    """Wheels and control's own jobs: runners may read it, only control writes."""
    shareable_catalog: Word | None = None
    """Provider part: the catalog of vetted copies, where only Causeway writes."""
    warehouse_id: str | None = None
    capture_schema: str | None = None
    external_lineage: bool = False
    """Consumer part: its own lineage is told where accepted versions, and its copies of them, came from, as far as the
    platform lets control.
    """
    compute: Compute = Compute()
    state: Literal["ACTIVE", "RETIRING"] = "ACTIVE"
    """RETIRING: what is under way there goes on, and nothing new begins but taking away."""


class Link(Part):
    """Models may move from one workspace to another."""

    source: Word = Field(alias="from")
    target: Word = Field(alias="to")


class Recipient(Part):
    """A configured workspace, or a partner's metastore by its sharing identifier: exactly one of them."""

    workspace: Word | None = None
    sharing_identifier: SharingIdentifier | None = None


class Threshold(Part):
    """Bounds of a metric, themselves allowed; at least one of them."""

    at_most: FiniteFloat | None = None
    at_least: FiniteFloat | None = None

    @model_validator(mode="after")
    def _some_bound(self) -> Threshold:
        if self.at_most is None and self.at_least is None:
            raise ValueError("name at_most, at_least or both")
        return self


class Policy(Part):
    """What a version must be like before it is published for the audience."""

    metrics: dict[MetricName, Threshold] = {}
    """Metrics of the training, each with its bounds."""
    tags: dict[TagName, TagValue | None] = {}
    """Tags that the version must have; null allows any value."""
    signature: Literal[True] = True
    """A version without a signature is never published; writing it down changes nothing."""
    approvals: Annotated[int, Field(ge=0, le=10)] = 0
    """How many approvers, other than whoever asks, must have approved exactly what is to be published."""
    scan: bool = False
    """Whether the copy job looks for unsafe pickle code in the version's files."""
    licence: Literal["required"] | None = None
    """Whether the version must have a tag `licence`: an SPDX id, or any other words."""


class Audience(Part):
    """A named set of recipients that see the same vetted versions."""

    recipients: list[Recipient] = Field(min_length=1)
    external: bool = False
    """Outside the company: no real input example, no tag that is not listed, no requirement that is not pinned."""
    policy: Policy = Policy()
    tags: list[TagName] = []
    """Tags of the source that an external audience may see; others see all."""
    tables: dict[Word, list[FullName]] = {}
    """By the provider's workspace: tables that are shared beside models, put there by an audience change."""


class Partner(Part):
    """A Databricks partner that shares with a workspace of ours: its metastore, and which of its shares to take."""

    sharing_identifier: SharingIdentifier
    shares: list[ShareName] = Field(min_length=1)


class Project(Part):
    """A team: the unit of tenancy. What is not declared here is not the team's."""

    runners: dict[Word, str] = {}
    """The service principal (application id) that runs the team's code in each workspace."""
    volumes: dict[Word, Volume] = {}
    """Where operations keep their rows and results in each workspace."""
    sources: dict[Word, list[SourcePattern]] = {}
    """Catalog, schema, table, model and volume names that requests may use, such as `main.bikes.*`."""
    endpoints: dict[Word, list[EndpointPattern]] = {}
    audiences: dict[Word, Audience] = {}
    partners: dict[Word, dict[Word, Partner]] = {}
    """From whom beside the linked workspaces each workspace may accept: partners by a name of the project's own."""
    readers: dict[Word, list[Grantee]] = {}
    """Whom acceptances may let into their catalogs beside the runner: application ids, users or groups."""
    roles: dict[Role, list[Principal]] = {}


class Audit(Part):
    """How the audit trail is sealed, and whose seal is believed."""

    signing_key: Secret | None = None
    """The Ed25519 private key in PEM that signs the heads of the trail; without one they carry no signature."""
    trusted_keys: list[AuditKey] = []
    """Public keys whose signatures are believed beside the signing key's own: earlier ones, or where nothing signs."""
    unsigned_until: int = Field(default=0, ge=0)
    """The number of the last batch that was sealed before there was a key; each later one must be signed."""


class ServiceAccount(Part):
    """A principal that is not a person has a person who answers for it."""

    owner: Principal


class Configuration(Part):
    """The whole file."""

    admins: list[Principal] = []
    signing_key: Secret | None = None
    """A private key on a NIST curve, in PEM, that signs published copies in the OpenSSF model-signing format."""
    trusted_keys: list[PublicKey] = []
    """Public keys in PEM whose signatures of published copies are believed beside the signing key's: earlier ones."""
    principals: dict[Principal, ServiceAccount] = {}
    workspaces: dict[Word, Workspace] = {}
    links: list[Link] = []
    audit: Audit = Audit()
    projects: dict[Word, Project] = {}
