"""What should whoever gets a published model know of it? One card from publication, training run and approvals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.domain import model_signatures, policies
from app.domain.lineage_graphs import Graph
from app.store import records as store
from app.store.approvals import Approval
from app.store.publications import Publication
from app.store.training_runs import TrainingRun

SHORT_LENGTH = 1000


@dataclass(frozen=True)
class Card:
    """The card's content, in the words of the records that it is made of; `training` is None where nobody knows."""

    publication: Publication
    training: TrainingRun | None
    approvals: list[dict[str, Any]]

    @property
    def known(self) -> dict[str, Any]:
        """What the publication found out."""
        return self.publication.outcome

    @property
    def metrics(self) -> dict[str, float]:
        """Of the training run; empty where nobody knows."""
        return dict(self.training.outcome.get("metrics") or {}) if self.training else {}

    @property
    def baseline(self) -> dict[str, float]:
        """The same of the simple model that it was compared with."""
        return dict((self.training.outcome.get("baseline") or {}).get("metrics") or {}) if self.training else {}

    @property
    def licence(self) -> str | None:
        """What the version's tags say."""
        return policies.find_licence(self.known.get("tags") or {})

    @property
    def key_hint(self) -> str | None:
        """Whose key signed the copy; None where nothing was signed."""
        bundle = self.known.get("signature")
        return model_signatures.get_hint(bundle) if bundle else None

    @property
    def readers(self) -> list[str]:
        """Who sees it, by workspace or sharing identifier."""
        return sorted(str(one["workspace"] or one["sharing_identifier"]) for one in self.known.get("recipients") or [])


def make(publication: Publication) -> Card:
    """The card of a publication as it stands, from our own records alone."""
    digest = publication.outcome.get("subject_digest")
    names = set(publication.outcome.get("approved_by") or [])
    given = store.list_all(Approval, subject_digest=digest) if digest else []
    told = [{"principal": one.principal, "approved_at": one.created_at} for one in given if one.principal in names]
    training = policies.find_training(
        publication.project, publication.workspace, publication.model, publication.version
    )
    return Card(publication, training, told)


def shorten(training: TrainingRun | None, rules: list[str], approvals: int, scan: bool) -> str:
    """The card in a few lines, for the copy's comment: figures and how many had to agree, but nobody's name."""
    metrics = dict(training.outcome.get("metrics") or {}) if training else {}
    told = [
        ("Metrics", ", ".join(f"{name} {value:.6g}" for name, value in sorted(metrics.items()))),
        ("Policy", ", ".join(rules)),
        ("Approved by", f"at least {approvals} other(s)" if approvals else ""),
        ("Unsafe code", "none found" if scan else ""),
    ]
    return " ".join(f"{name}: {text}." for name, text in told if text)[:SHORT_LENGTH]


def trace(card: Card) -> Graph:
    """Where the copy comes from, and who sees it: data, training run, version, copy, share."""
    graph, one, training = Graph(), card.publication, card.training
    source = graph.add("model_version", one.workspace, f"{one.model.lower()}/{one.version}")
    if training is not None:
        data = training.outcome.get("data") or {}
        graph.chain(
            graph.add("data", training.workspace, str(data.get("path"))),
            "read_by",
            graph.add("training_run", training.workspace, training.id, training.id, metrics=card.metrics),
            "registered",
            source,
        )
    graph.chain(
        source,
        "copied_to",
        graph.add("copy", one.workspace, f"{one.published_model}/{one.published_version}", one.id, state=one.state),
        "shared_in",
        graph.add("share", one.workspace, one.share, audience=one.audience),
    )
    return graph
