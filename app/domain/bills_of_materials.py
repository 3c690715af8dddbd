"""What software does a published model need? Its pinned requirements as a CycloneDX document."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from app.domain import policies
from app.store.publications import Publication

PIN = re.compile(r"(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?\s*(==\s*(?P<version>[^\s;,]+))?")
# What remains of a line whose version is left open.
OPEN = "causeway:requirement"


def make(publication: Publication) -> dict[str, Any]:
    """The bill of a publication that has its copy; the same for the same one, in every answer.

    A requirement without an exact version has none here, either, and is kept as it stands in `causeway:requirement`.
    """
    model = Component(
        name=publication.outcome["shared_as"],
        version=str(publication.published_version),
        type=ComponentType.MACHINE_LEARNING_MODEL,
        bom_ref=publication.id,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=str(publication.digest).removeprefix("sha256:"))],
    )
    licence = policies.find_licence(publication.outcome.get("tags") or {})
    if licence:
        model.licenses.add(LicenseFactory().make_from_string(licence))
    libraries = [_make_library(line) for line in publication.outcome.get("requirements") or []]
    bill = Bom(serial_number=uuid5(NAMESPACE_URL, publication.id), components=libraries)
    bill.metadata.component = model
    bill.metadata.timestamp = publication.created_at
    bill.register_dependency(model, libraries)
    document: dict[str, Any] = json.loads(JsonV1Dot6(bill).output_as_string())
    return document


def _make_library(line: str) -> Component:
    found = PIN.match(line)
    if found is None:
        return Component(name=line, type=ComponentType.LIBRARY, bom_ref=f"line:{line}")
    name, version = re.sub(r"[-_.]+", "-", found["name"]).lower(), found["version"]
    purl = PackageURL("pypi", None, name, version)
    library = Component(name=name, version=version, type=ComponentType.LIBRARY, purl=purl, bom_ref=f"line:{line}")
    if version is None or ";" in line:
        library.properties.add(Property(name=OPEN, value=line))
    return library
