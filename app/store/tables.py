"""Every table in one place, for the migrations to compare with."""

from sqlmodel import SQLModel

from app.store.acceptances import Acceptance
from app.store.adoptions import Adoption
from app.store.api_keys import ApiKey
from app.store.approvals import Approval
from app.store.audience_changes import AudienceChange
from app.store.audit_batches import AuditBatch
from app.store.audit_events import AuditEvent
from app.store.deployments import Deployment
from app.store.drifts import Drift
from app.store.executor_leases import ExecutorLease
from app.store.expired_keys import ExpiredKey
from app.store.inventory import InventoryMark, InventorySnapshot, InventoryVersion
from app.store.locks import Lock
from app.store.operations import Operation
from app.store.publications import Publication
from app.store.reconciliations import Reconciliation
from app.store.scoring_runs import ScoringRun
from app.store.steps import Step
from app.store.training_runs import TrainingRun

TABLES = (
    Acceptance,
    Adoption,
    ApiKey,
    Approval,
    AudienceChange,
    AuditBatch,
    AuditEvent,
    Deployment,
    Drift,
    ExecutorLease,
    ExpiredKey,
    InventoryMark,
    InventorySnapshot,
    InventoryVersion,
    Lock,
    Operation,
    Publication,
    Reconciliation,
    ScoringRun,
    Step,
    TrainingRun,
)
metadata = SQLModel.metadata
