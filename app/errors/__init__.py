"""The catalogue of problems: one class each, one vocabulary for immediate errors and `operation.error`.

Problem
├── RequestProblem      the caller can mend it: what was sent, asked for, or may be done    (requests.py)
├── StateProblem        the request is sound, but the world stands in its way               (states.py)
├── UpstreamProblem     a workspace refused, failed or stayed silent                        (upstream.py)
└── OperationProblem    slow work that ended badly after it was accepted                    (upstream.py)
"""

from __future__ import annotations

from typing import Any

from app.errors.problem import OperationProblem, Problem, RequestProblem, StateProblem, UpstreamProblem
from app.errors.requests import (
    BodyTooLarge,
    BodyUnreadable,
    CatalogNotFound,
    ColumnMissing,
    DataEmpty,
    DataNotFound,
    EndpointNotFound,
    IdempotencyKeyExpired,
    IdempotencyKeyReused,
    InputRejected,
    LinkNotDeclared,
    MediaTypeUnsupported,
    MethodNotAllowed,
    ModelNotFound,
    ModelVersionNotFound,
    NotFound,
    NotInProject,
    PageTokenInvalid,
    PermissionDenied,
    PrincipalUnknown,
    ProjectNotFound,
    ProviderNotFound,
    RecordNotFound,
    RequestInvalid,
    RouteNotFound,
    ShareNotFound,
    Unauthenticated,
    UpstreamNotFound,
    WorkspaceNotFound,
)
from app.errors.states import (
    AcceptanceInUse,
    ApprovalMissing,
    AudienceChangePending,
    AudienceMismatch,
    AudienceUnknown,
    CatalogNameTaken,
    DatabaseUnavailable,
    EndpointNameTaken,
    InputExampleMissing,
    Internal,
    ModelVersionNotReady,
    OperationAlreadyDone,
    OperationInProgress,
    OperationNotRetryable,
    PlanStale,
    PolicyUnmet,
    PublishedNameTaken,
    RateLimited,
    RecipientNameTaken,
    RecordNotActive,
    ShareNameTaken,
    SignatureInvalid,
    SignatureMissing,
    SigningKeyUnusable,
    SubjectChanged,
    WorkspaceRetiring,
    WorkspaceRoleMismatch,
)
from app.errors.upstream import (
    AlreadyExists,
    CopyFailed,
    CredentialsUnreadable,
    DeploymentFailed,
    DigestMismatch,
    EndpointNotServing,
    EngineFailure,
    FileTooLarge,
    JobFailed,
    NotVisibleInTime,
    OperationCancelled,
    OperationTimedOut,
    PredictionRejected,
    ScoringFailed,
    SharingUnavailable,
    SmokeFailed,
    TokenRefused,
    TrainingFailed,
    VerificationFailed,
    WorkspaceCircuitOpen,
    WorkspaceConflict,
    WorkspaceFault,
    WorkspaceRefused,
    WorkspaceThrottled,
    WorkspaceTimeout,
    WorkspaceUnavailable,
    WrittenNotVisible,
)

__all__ = [
    "AcceptanceInUse",
    "AlreadyExists",
    "ApprovalMissing",
    "AudienceChangePending",
    "AudienceMismatch",
    "AudienceUnknown",
    "BodyTooLarge",
    "BodyUnreadable",
    "CatalogNameTaken",
    "CatalogNotFound",
    "ColumnMissing",
    "CopyFailed",
    "CredentialsUnreadable",
    "DataEmpty",
    "DataNotFound",
    "DatabaseUnavailable",
    "DeploymentFailed",
    "DigestMismatch",
    "EndpointNameTaken",
    "EndpointNotFound",
    "EndpointNotServing",
    "EngineFailure",
    "FileTooLarge",
    "IdempotencyKeyExpired",
    "IdempotencyKeyReused",
    "InputExampleMissing",
    "InputRejected",
    "Internal",
    "JobFailed",
    "LinkNotDeclared",
    "MediaTypeUnsupported",
    "MethodNotAllowed",
    "ModelNotFound",
    "ModelVersionNotFound",
    "ModelVersionNotReady",
    "NotFound",
    "NotInProject",
    "NotVisibleInTime",
    "OperationAlreadyDone",
    "OperationCancelled",
    "OperationInProgress",
    "OperationNotRetryable",
    "OperationProblem",
    "OperationTimedOut",
    "PageTokenInvalid",
    "PermissionDenied",
    "PlanStale",
    "PolicyUnmet",
    "PredictionRejected",
    "PrincipalUnknown",
    "Problem",
    "ProjectNotFound",
    "ProviderNotFound",
    "PublishedNameTaken",
    "RateLimited",
    "RecipientNameTaken",
    "RecordNotActive",
    "RecordNotFound",
    "RequestInvalid",
    "RequestProblem",
    "RouteNotFound",
    "ScoringFailed",
    "ShareNameTaken",
    "ShareNotFound",
    "SharingUnavailable",
    "SignatureInvalid",
    "SignatureMissing",
    "SigningKeyUnusable",
    "SmokeFailed",
    "StateProblem",
    "SubjectChanged",
    "TokenRefused",
    "TrainingFailed",
    "Unauthenticated",
    "UpstreamNotFound",
    "UpstreamProblem",
    "VerificationFailed",
    "WorkspaceCircuitOpen",
    "WorkspaceConflict",
    "WorkspaceFault",
    "WorkspaceNotFound",
    "WorkspaceRefused",
    "WorkspaceRetiring",
    "WorkspaceRoleMismatch",
    "WorkspaceThrottled",
    "WorkspaceTimeout",
    "WorkspaceUnavailable",
    "WrittenNotVisible",
    "catalogue",
    "from_dict",
]

MEMBERS = {
    "type",
    "code",
    "title",
    "status",
    "detail",
    "retryable",
    "retry_after_seconds",
    "instance",
    "request_id",
}


def from_dict(members: dict[str, Any]) -> Problem:
    """The problem that `as_dict` described; an unknown code (of an older release) becomes `internal`."""
    kind = catalogue().get(members["code"], Internal)
    fields = {name: value for name, value in members.items() if name not in MEMBERS}
    return kind(retry_after_seconds=members.get("retry_after_seconds"), **fields)


def catalogue() -> dict[str, type[Problem]]:
    """Every problem by its code."""
    found: dict[str, type[Problem]] = {}
    pending: list[type[Problem]] = [Problem]
    while pending:
        kind = pending.pop()
        pending.extend(kind.__subclasses__())
        if "code" in vars(kind):
            found[kind.code] = kind
    return found
