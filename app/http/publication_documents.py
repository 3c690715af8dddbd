"""What goes with a publication: its signature, its bill of materials, its model card."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi import Response as Answer
from pydantic import JsonValue, RootModel

from app.domain import bills_of_materials, model_cards, model_signatures, records
from app.domain.access import Caller
from app.domain.model_cards import Card, markdown, page
from app.domain.publications import Publication
from app.errors import RecordNotActive, RecordNotFound, SigningKeyUnusable
from app.http.conventions.bodies import Response, Time
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["publication_documents"])
# Cards hold texts that others chose: they are escaped, and whatever got through would still be dead.
LIFELESS = {"Content-Security-Policy": page.LIFELESS, "Vary": "Authorization"}


class PublicationSignature(Response):
    """Who vouches for the copy's bytes. With model-signing: `model_signing verify key --signature … --public_key …`."""

    signed: bool
    digest: str | None
    """Ours, over the same files; null until the copy is there."""
    bundle: dict[str, JsonValue] | None
    """A Sigstore bundle in the OpenSSF model-signing format, to be saved as it is; null where nothing was signed."""
    key_hint: str | None
    """SHA-256 of the public key in PEM."""
    public_key: str | None
    """In PEM; null where nothing was signed, or its key is neither the signing key nor a trusted one by now."""


class BillOfMaterials(RootModel[dict[str, JsonValue]]):
    """A CycloneDX 1.6 document."""


class ModelCardColumn(Response):
    """A column that the model takes, or gives."""

    name: str | None
    type: str


class ModelCardRule(Response):
    """A rule of the audience's policy, as it was judged."""

    rule: str
    seen: str
    needed: str
    met: bool


class ModelCardApproval(Response):
    """Somebody else's agreement to exactly this."""

    principal: str
    approved_at: Time


class ModelCardTraining(Response):
    """How the version came to be, by the training run that registered it."""

    id: str
    run_id: str | None
    """MLflow's."""
    data: dict[str, JsonValue]
    """Path, SHA-256 and size of what it learnt from."""
    target: str | None
    best: dict[str, JsonValue]
    baseline: str | None
    """The simple model that it was compared with."""
    versions: dict[str, JsonValue]
    """Of Python, its platform and mlflow."""


class ModelCardBody(Response):
    """What whoever gets a published model should know of it."""

    publication_id: str
    project: str
    state: str
    workspace: str
    model: str
    version: int
    audience: str
    shared_as: str | None
    published_version: int | None
    readers: list[str]
    description: str | None
    licence: str | None
    metrics: dict[str, float]
    baseline_metrics: dict[str, float]
    training: ModelCardTraining | None
    """Null for a version that Causeway did not train."""
    inputs: list[ModelCardColumn]
    outputs: list[ModelCardColumn]
    policy: list[ModelCardRule]
    scan: bool
    """Whether its files were looked at for unsafe pickle code; had there been any, it would not be published."""
    approvals: list[ModelCardApproval]
    requirements: list[str]
    digest: str | None
    key_hint: str | None
    """Whose key signed the copy; null where nothing was signed."""
    kept_at: str | None
    """The page in the project's volume, as it was when the version was published; null where there is none."""
    kept_sha256: str | None
    created_by: str
    created_at: Time


def _text(media_type: str, description: str) -> dict[int | str, dict[str, Any]]:
    content = {media_type: {"schema": {"type": "string"}}}
    return {**problems(RecordNotActive, RecordNotFound), 200: {"content": content, "description": description}}


@router.get("/publications/{publication_id:id}/sbom", responses=problems(RecordNotActive, RecordNotFound))
def get_bill_of_materials(publication_id: str, caller: CurrentCaller) -> BillOfMaterials:
    """The software that the copy needs, as a CycloneDX document: its own pinned requirements."""
    return BillOfMaterials(bills_of_materials.make(_published(caller, publication_id)))


@router.get("/publications/{publication_id:id}/model-card", responses=problems(RecordNotActive, RecordNotFound))
def get_model_card(publication_id: str, caller: CurrentCaller) -> ModelCardBody:
    """What whoever gets the model should know of it: figures, origin, policy, approvals, bytes."""
    return _render(model_cards.make(_published(caller, publication_id)))


@router.get(
    "/publications/{publication_id:id}/model-card/markdown",
    response_class=Answer,
    responses=_text("text/markdown", "The card, with its lineage as Mermaid."),
)
def get_model_card_markdown(publication_id: str, caller: CurrentCaller) -> Answer:
    """The same as Markdown."""
    card = model_cards.make(_published(caller, publication_id))
    return Answer(markdown.draw(card), media_type="text/markdown", headers=LIFELESS)


@router.get(
    "/publications/{publication_id:id}/model-card/page",
    response_class=Answer,
    responses=_text("text/html", "The card, with its lineage as a picture."),
)
def get_model_card_page(publication_id: str, caller: CurrentCaller) -> Answer:
    """The same as one page of HTML that needs nothing from elsewhere."""
    card = model_cards.make(_published(caller, publication_id))
    return Answer(page.draw(card), media_type="text/html", headers=LIFELESS)


@router.get("/publications/{publication_id:id}/signature", responses=problems(RecordNotFound, SigningKeyUnusable))
def get_signature(publication_id: str, caller: CurrentCaller) -> PublicationSignature:
    """The signature of the copy's manifest, which anybody can verify against the downloaded files."""
    record = records.get(caller, Publication, publication_id)
    bundle = record.outcome.get("signature")
    return PublicationSignature(
        signed=bundle is not None,
        digest=record.digest,
        bundle=bundle,
        key_hint=model_signatures.get_hint(bundle) if bundle else None,
        public_key=model_signatures.find_public_key(bundle) if bundle else None,
    )


def _published(caller: Caller, publication_id: str) -> Publication:
    """The publication, once it has its copy; also when it was withdrawn. A model that is shared whole has none."""
    record = records.get(caller, Publication, publication_id)
    if record.digest is None or record.is_whole_model:
        raise RecordNotActive(id=record.id, state=record.state, needed="ACTIVE")
    return record


def _render(card: Card) -> ModelCardBody:
    one, known, kept = card.publication, card.known, card.known.get("model_card") or {}
    texts = {name: known.get(name) for name in ("description", "shared_as")}
    lists = {name: known.get(name) or [] for name in ("inputs", "outputs", "policy", "requirements")}
    return ModelCardBody.model_validate(
        {
            **one.model_dump(),
            **texts,
            **lists,
            "publication_id": one.id,
            "readers": card.readers,
            "licence": card.licence,
            "metrics": card.metrics,
            "baseline_metrics": card.baseline,
            "training": _render_training(card),
            "scan": bool(known.get("scan")),
            "approvals": card.approvals,
            "key_hint": card.key_hint,
            "kept_at": kept.get("path"),
            "kept_sha256": kept.get("sha256"),
        }
    )


def _render_training(card: Card) -> ModelCardTraining | None:
    if card.training is None:
        return None
    found = card.training.outcome
    return ModelCardTraining(
        id=card.training.id,
        run_id=found.get("run_id"),
        data=found.get("data") or {},
        target=card.training.request.get("target"),
        best=found.get("best") or {},
        baseline=(found.get("baseline") or {}).get("description"),
        versions=found.get("versions") or {},
    )
