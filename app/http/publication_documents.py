"""What goes with a publication: its signature, its bill of materials, its model card."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import JsonValue

from app.domain import model_signatures, records
from app.domain.publications import Publication
from app.errors import RecordNotFound, SigningKeyUnusable
from app.http.conventions.bodies import Response
from app.http.conventions.caller import CurrentCaller
from app.http.conventions.problems import problems

router = APIRouter(prefix="/v1", tags=["publication_documents"])


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
    """In PEM; null where nothing was signed, or another key is configured by now."""


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
