"""What a declared Python environment lets a process import, for jobs and for model servers.

Nothing is installed: a declaration is checked against the distributions that this Python has, and whatever
is outside its transitive closure is refused later, in the process itself (see `isolation.py`).
"""

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution, distribution, distributions, packages_distributions
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement
from packaging.tags import sys_tags
from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename


class UnmetRequirement(Exception):
    """A requirement that cannot be met here; the message reads like pip's own."""


@dataclass(frozen=True)
class _Described:
    """What a distribution says of itself, parsed: a declared environment asks hundreds of them."""

    name: str
    version: str
    dependencies: tuple[Requirement, ...]


def unpack_wheel(filename: str, content: bytes, folder: Path) -> list[str]:
    """Unpacks a wheel into `folder` and answers the requirement that names it.

    Raises UnmetRequirement for a file that is no wheel, or one made for another Python.
    """
    try:
        name, version, _, tags = parse_wheel_filename(filename)
        archive = zipfile.ZipFile(io.BytesIO(content))
    except (InvalidWheelFilename, zipfile.BadZipFile) as error:
        raise UnmetRequirement(f"ERROR: Wheel '{filename}' is invalid: {error}") from error
    if tags.isdisjoint(sys_tags()):
        raise UnmetRequirement(f"ERROR: {filename} is not a supported wheel on this platform.")
    archive.extractall(folder)
    return [f"{name}=={version}"]


def parse_requirements_file(text: str) -> list[str]:
    """The requirements of a requirements.txt as MLflow writes it; options and constraint files are skipped."""
    lines = (line.split(" #", 1)[0].strip() for line in text.splitlines())
    return [line for line in lines if line and not line.startswith(("#", "-"))]


def resolve(requirements: Iterable[str], site: Path | None = None) -> dict[str, str]:
    """The transitive closure of the requirements: canonical distribution name to version.

    Wheels unpacked in `site` go before what is installed. Raises UnmetRequirement for the first requirement,
    direct or of a dependency, that nothing here satisfies.
    """
    described = map(_describe, distributions(path=[str(site)])) if site else ()
    unpacked = {found.name: found for found in described}
    # A line whose marker speaks of another Python is passed over, as pip does.
    parsed = [_parse(text) for text in requirements]
    waiting = [requirement for requirement in parsed if not requirement.marker or requirement.marker.evaluate()]
    seen: set[tuple[str, frozenset[str]]] = set()
    resolved: dict[str, str] = {}
    while waiting:
        requirement = waiting.pop(0)
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        found = _satisfying(requirement, unpacked)
        resolved[name] = found.version
        if (name, extras) not in seen:
            seen.add((name, extras))
            waiting.extend(_dependencies(found, extras))
    return resolved


def refused_modules(resolved: Mapping[str, str]) -> frozenset[str]:
    """The installed top-level modules that belong to no resolved distribution.

    A namespace that several distributions share (`google`, `databricks`) is open as soon as one is declared.
    """
    return frozenset(module for module, owners in _modules().items() if owners.isdisjoint(resolved))


def modules_of(site: Path) -> frozenset[str]:
    """The top-level modules of the wheels unpacked in `site`."""
    return frozenset(
        entry.name.removesuffix(".py") for entry in site.iterdir() if not entry.name.endswith((".dist-info", ".data"))
    )


def _parse(text: str) -> Requirement:
    try:
        return Requirement(text)
    except InvalidRequirement as error:
        raise UnmetRequirement(f"ERROR: Invalid requirement: '{text}': {error}") from error


def _satisfying(requirement: Requirement, unpacked: Mapping[str, _Described]) -> _Described:
    name = canonicalize_name(requirement.name)
    found = unpacked.get(name) or _installed(name)
    if found is None or not requirement.specifier.contains(found.version, prereleases=True):
        versions = found.version if found else "none"
        raise UnmetRequirement(
            f"ERROR: Could not find a version that satisfies the requirement {requirement} "
            f"(from versions: {versions})\nERROR: No matching distribution found for {requirement}"
        )
    return found


def _dependencies(found: _Described, extras: frozenset[str]) -> Iterator[Requirement]:
    for requirement in found.dependencies:
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
            yield requirement


@cache
def _installed(name: str) -> _Described | None:
    try:
        return _describe(distribution(name))
    except ModuleNotFoundError:
        return None


def _describe(found: Distribution) -> _Described:
    metadata = found.metadata
    dependencies = tuple(Requirement(text) for text in found.requires or ())
    return _Described(canonicalize_name(metadata["Name"]), metadata["Version"], dependencies)


@cache
def _modules() -> dict[str, frozenset[str]]:
    return {
        module: frozenset(canonicalize_name(owner) for owner in owners)
        for module, owners in packages_distributions().items()
    }
