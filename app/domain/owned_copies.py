"""Copies that the consumer owns: made of what an accepted catalog shows, and kept when that goes.

A job of control makes them and loads nothing; they are held to what was published, and the project's users let in.
"""

from __future__ import annotations

from typing import Any

from app.domain import copies, jobs, proofs
from app.domain.catalog_users import EXECUTE
from app.domain.jobs import Job
from app.domain.proofs import Held
from app.domain.shared_catalogs import Accepting, list_publications
from app.domain.visible_models import Shown
from app.domain.workflows import Work
from app.errors import CopyFailed, CopyPlaceUnusable, ModelNotFound
from app.store import records as store
from app.store.acceptances import Acceptance
from app.store.publications import Publication
from app.workspaces import catalogs, grants, identities, models

Wanted = dict[str, Any]
"""A version to copy: `source` and `owned` (each `model`, `version`), and what is known of its publication."""


def get_schema(project: str, workspace: str, copy_to: str | None) -> str:
    """Where the copies go: the schema that was asked for, else that of the project's own volume."""
    return copy_to or jobs.get_volume(project, workspace).rpartition(".")[0]


def check_place(accepting: Accepting, sources: list[str]) -> str:
    """The schema that takes copies of these models, each under its last name; raises `CopyPlaceUnusable`."""
    place, schema = accepting.workspace, str(accepting.copy_to)
    targets: dict[str, str] = {}
    for source in sources:
        if targets.setdefault(name_copy(accepting, source), source) != source:
            raise _unusable(accepting, f"{source} and {targets[name_copy(accepting, source)]} have one last name")
    catalog = catalogs.find_visible_catalog(place, schema.partition(".")[0])
    if catalog is None or catalog.share is not None:
        raise _unusable(accepting, "its catalog comes from a share" if catalog else "its catalog cannot be seen")
    try:
        owners = {model.name.lower(): model.owner for model in models.iterate_models(place, schema)}
    except ModelNotFound as missing:
        raise _unusable(accepting, "there is no such schema") from missing
    for target, source in targets.items():
        strange = owners.get(target) not in {None, identities.get_control(place)}
        if strange or {one["source"]["model"] for one in _list_copies(place, target)} - {source}:
            raise _unusable(accepting, f"{target} is there and is not a copy of {source}")
    return schema


def name_copy(accepting: Accepting, source: str) -> str:
    """The name under which a model of the catalog is copied."""
    return f"{accepting.copy_to}.{source.rpartition('.')[2]}".lower()


def list_wanted(accepting: Accepting, shown: list[Shown]) -> list[Wanted]:
    """Every READY version that the catalog shows and that was meant to go there, with what its provider said of it.

    From a linked workspace that is what a publication vouches for; a model that is shared whole shows all it has.
    """
    published, whole = dict[tuple[str, int | None], Publication](), set[str]()
    for one in list_publications(accepting):
        shown_as = f"{accepting.catalog}.{one.outcome['shared_as']}".lower()
        published[shown_as, one.published_version] = one
        whole |= {shown_as} if one.is_whole_model else set()
    check_place(accepting, [entry["model"] for entry in shown])
    wanted = []
    for entry in shown:
        aliases = models.get_model(accepting.workspace, entry["model"]).aliases or {}
        kept = _list_copies(accepting.workspace, name_copy(accepting, entry["model"]))
        listed = {str(one["owned"]["version"]): one["digest"] for one in kept}
        for one in entry["versions"]:
            publication = published.get((entry["model"].lower(), one["version"]))
            known = {"publication_id": publication.id, "published_digest": publication.digest} if publication else {}
            source = {"model": entry["model"], "version": one["version"]}
            here = sorted(alias for alias, version in aliases.items() if version == one["version"])
            is_meant = bool(publication) or entry["model"].lower() in whole or accepting.provider_workspace is None
            if is_meant and one["state"] == models.READY:
                wanted.append({"source": source, "provider_aliases": here, "listed": listed, **known})
    return wanted


def tell_skipped(shown: list[Shown], wanted: list[Wanted]) -> str:
    """What of all that the catalog shows is not copied, for people."""
    copied = [one["source"] for one in wanted]
    seen = [{"model": entry["model"], "version": one["version"]} for entry in shown for one in entry["versions"]]
    skipped = [f"{one['model']} version {one['version']}" for one in seen if one not in copied]
    return f"not copied, as nobody published it or it is not READY: {', '.join(skipped)}" if skipped else ""


async def make(work: Work, accepting: Accepting, wanted: list[Wanted]) -> list[dict[str, Any]]:
    """The copies, each made or found by the job, proved against its manifest, and against what was published."""
    if not wanted:
        return []
    try:
        result = await jobs.run(work, _make_job(work, accepting, wanted))
    except CopyFailed as problem:
        source = problem.fields.get("source", {})
        held = Held(work.project, accepting.workspace, **source, digest=str(problem.fields.get("expected")))
        raise await proofs.name_files(problem, held) if source else problem from problem
    return [
        {
            **{name: value for name, value in one.items() if name != "listed"},
            "owned": {"model": copy["model"], "version": copy["version"]},
            "digest": copy["digest"],
            "files": copy["files"],
            "reused": copy["reused"],
        }
        for one, copy in zip(wanted, result["copies"], strict=True)
    ]


def settle(accepting: Accepting, made: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Prove each copy once more, and let the catalog's users load it; what is then to be remembered of them.

    Raises `DigestMismatch` and `ModelVersionNotReady`.
    """
    for one in made:
        copies.prove(accepting.workspace, one["owned"]["model"], {**one, "version": one["owned"]["version"]})
    for model in sorted({one["owned"]["model"] for one in made}):
        for user in accepting.users:
            grants.ensure_privileges(accepting.workspace, "function", model, user, [EXECUTE])
    return [{name: value for name, value in one.items() if name != "files"} for one in made]


def _make_job(work: Work, accepting: Accepting, wanted: list[Wanted]) -> Job:
    asked = [
        {
            "operation_id": work.id,
            "source": one["source"],
            "target": {"model": name_copy(accepting, one["source"]["model"])},
            "digest": one.get("published_digest"),
            # A source that was made anew has copies of before, which acceptances still list.
            "listed": one.get("listed", {}),
            "comment": f"Copy of {one['source']['model']} version {one['source']['version']}, kept by Causeway.",
            "tags": {"causeway_project": accepting.project, "causeway_acceptance": work.resource_id},
        }
        for one in wanted
    ]
    return Job(
        name="copy",
        workspace=accepting.workspace,
        volume=accepting.volume,
        parameters={"copies": asked},
        run_as=None,
        refused=CopyFailed,
        timeout_seconds=copies.TIMEOUT_SECONDS,
    )


def _list_copies(workspace: str, target: str) -> list[dict[str, Any]]:
    """What acceptances list, or did until they were given back, as copies in the target."""
    accepted = store.list_all(Acceptance, workspace=workspace)
    kept = [copy for one in accepted for copy in one.outcome.get("copies", [])]
    return [copy for copy in kept if copy["owned"]["model"].lower() == target]


def _unusable(accepting: Accepting, reason: str) -> CopyPlaceUnusable:
    return CopyPlaceUnusable(workspace=accepting.workspace, schema=accepting.copy_to, reason=reason)
