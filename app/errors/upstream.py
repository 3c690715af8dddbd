"""Trouble in a workspace, told apart from the caller's own, and slow work that ended badly."""

from app.errors.problem import OperationProblem, UpstreamProblem


class WorkspaceRefused(UpstreamProblem):
    """The workspace refused Causeway's own credentials or privileges: the caller's rights are not in question."""

    code, title = "workspace-refused", "The workspace refused Causeway"
    template = "{workspace} refused Causeway's identity for {action}. Have the missing privilege granted to it."


class CredentialsUnreadable(UpstreamProblem):
    """The secret that the configuration refers to is missing or empty, so Causeway cannot sign in."""

    code, status, title, retryable = "credentials-unreadable", 503, "Causeway's own credentials cannot be read", True
    template = "The secret of Causeway's identity in {workspace} cannot be read. Have it put where it is configured."


class WorkspaceFault(UpstreamProblem):
    """The workspace answered what nobody expected; also a request of ours that it calls malformed."""

    code, title = "workspace-fault", "The workspace answered unexpectedly"
    template = "{workspace} answered unexpectedly to {action}. Look at upstream; report it if it stays."


class WorkspaceThrottled(UpstreamProblem):
    """The workspace asks for fewer requests."""

    code, status, title, retryable = "workspace-throttled", 503, "The workspace asks for patience", True
    template = "{workspace} refused {action} because of its own limits. Try again after the time in Retry-After."


class WorkspaceUnavailable(UpstreamProblem):
    """The workspace cannot be reached, or says that it is down; whether a lost request did its work is not known."""

    code, status, title, retryable = "workspace-unavailable", 503, "The workspace is not available", True
    template = "{workspace} could not be reached for {action}. Try again after the time in Retry-After."


class WorkspaceTimeout(UpstreamProblem):
    """The workspace did not answer in time; whether the request did its work is not known."""

    code, status, title = "workspace-timeout", 504, "The workspace did not answer in time"
    retryable = True
    template = "{workspace} did not answer {action} in time. Try again; nothing is done twice."


class WorkspaceCircuitOpen(UpstreamProblem):
    """The workspace left several requests in a row unanswered, so this one was not sent; now and then one is."""

    code, status, title, retryable = "workspace-circuit-open", 503, "The workspace has stopped answering", True
    template = "{workspace} has stopped answering, so {action} was not tried. Try again after the time in Retry-After."


class TokenRefused(UpstreamProblem):
    """The workspace refused a token before its time; the next request brings a fresh one."""

    code, status, title, retryable = "workspace-token-refused", 503, "The workspace refused Causeway's token", True
    template = "{workspace} refused the token that Causeway brought for {action}. Try again: a fresh one is fetched."


class WorkspaceConflict(UpstreamProblem):
    """The object is being changed by somebody else, or a newer state is in the way."""

    code, status, title, retryable = "workspace-conflict", 409, "The workspace object is busy", True
    template = "{workspace} refused {action} because the object is being changed. Try again when that change has ended."


class AlreadyExists(UpstreamProblem):
    """Something of this name was there already: a success for whoever converges, who reads what it is."""

    code, status, title = "object-already-exists", 409, "The workspace has an object of this name"
    template = "{workspace} refused {action} because the name is taken. Choose another name."


class SharingUnavailable(UpstreamProblem):
    """Sharing outside the account is switched off, or not part of this metastore."""

    code, status, title = "sharing-unavailable", 409, "The workspace cannot share"
    template = "{workspace} refused {action} because sharing is switched off. Have external sharing enabled."


class UnityCatalogUnavailable(UpstreamProblem):
    """The workspace has no metastore (any more), or a feature of Unity Catalog is switched off there."""

    code, status, title = "unity-catalog-unavailable", 409, "Unity Catalog is not available"
    template = (
        "{workspace} refused {action} because it has no metastore, or lacks a feature of Unity Catalog. "
        "Have done what upstream asks for."
    )


class QuotaReached(UpstreamProblem):
    """The metastore, or the share, holds as many of these as the platform allows."""

    code, status, title = "quota-reached", 409, "A limit of the platform is reached"
    template = (
        "{workspace} refused {action} because a limit of the platform is reached. "
        "Remove what is no longer needed, or have the limit raised."
    )


class NameNotAccepted(UpstreamProblem):
    """The platform does not take such a name."""

    code, status, title = "name-not-accepted", 422, "The workspace does not take this name"
    template = (
        "{workspace} refused {action} because it does not take the name. "
        "Use at most 255 characters, no spaces, periods, slashes or control characters."
    )


class NotShareable(UpstreamProblem):
    """The platform does not let this object into a share; `upstream` says why."""

    code, status, title = "not-shareable", 409, "The object cannot be shared"
    template = (
        "{workspace} refused {action} because this object cannot be shared. Do what upstream says, or leave it out."
    )


class DeletionBlocked(UpstreamProblem):
    """Something is still shared, or not empty, and so protected from being deleted."""

    code, status, title = "deletion-blocked", 409, "The workspace protects the object from deletion"
    template = (
        "{workspace} refused {action} because the object is shared, or not empty. Take it out of its shares first."
    )


class FileTooLarge(UpstreamProblem):
    """A file in a workspace is larger than what the service reads."""

    code, status, title = "file-too-large", 409, "The file is too large to be read here"
    template = "{name} in {workspace} is larger than {limit_bytes} bytes. Read it in the workspace itself."


class EndpointNotServing(UpstreamProblem):
    """The endpoint exists, but cannot answer now."""

    code, status, title, retryable = "endpoint-not-serving", 503, "The endpoint does not serve now", True
    template = "Endpoint {endpoint} in {workspace} does not serve now. Try again after the time in Retry-After."


class PredictionRejected(UpstreamProblem):
    """The model refused the input; `upstream_message` says why in the platform's words."""

    code, status, title = "prediction-rejected", 422, "The model refused the input"
    template = "Endpoint {endpoint} refused the input: {upstream_message}. Compare it with the model's signature."


class WrittenNotVisible(UpstreamProblem):
    """A write was accepted, but a fresh read does not show it."""

    code, title, retryable = "written-not-visible", "A write cannot be read back", True
    template = "{workspace} accepted {action}, but a fresh read does not show it. Try again in a minute."


class JobFailed(OperationProblem):
    """The job run ended badly without saying why in its result; `job_error` holds its own last lines."""

    code, title = "job-failed", "The job failed"
    template = "The {job} job in {workspace} (run {run_id}) ended as {run_state}: {job_error}. Look at the run's page."


class TrainingFailed(OperationProblem):
    """The data or the request cannot be trained on; `reason` is the job's own code."""

    code, status, title = "training-failed", 422, "The training cannot be done"
    template = "{message} (Reason: {reason}.)"


class ScoringFailed(OperationProblem):
    """The rows or the model cannot be scored; `reason` is the job's own code."""

    code, status, title = "scoring-failed", 422, "The scoring cannot be done"
    template = "{message} (Reason: {reason}.)"


class CopyFailed(OperationProblem):
    """The vetted copy could not be made or proved; `reason` is the job's own code."""

    code, status, title = "copy-failed", 409, "The copy cannot be made"
    template = "{message} (Reason: {reason}.)"


class VerificationFailed(OperationProblem):
    """A version's bytes could not be held to what was published; `reason` is the job's own code."""

    code, status, title = "verification-failed", 409, "The model's bytes cannot be verified"
    template = "{message} (Reason: {reason}.)"


class DigestMismatch(OperationProblem):
    """The bytes are not those that were published; `files` lists path, expected and found SHA-256 of each that differs.

    A file that is missing, or should not be there, has null for the one or the other.
    """

    code, status, title = "digest-mismatch", 409, "The model's bytes differ from what was published"
    template = (
        "Version {version} of {model} has digest {digest}, not {expected}; {count} file(s) differ: {paths}. "
        "Do not use it; publish it again."
    )


class NotVisibleInTime(OperationProblem):
    """What was shared did not become visible to the consumer within the limit."""

    code, status, title, retryable = "share-not-visible", 504, "The share has not become visible", True
    template = "{workspace} does not see {name} after {waited_seconds} seconds. Send :retry to go on waiting."


class DeploymentFailed(OperationProblem):
    """The platform could not build or start the served model; `cause` and `last_lines` say why."""

    code, status, title = "deployment-failed", 409, "The deployment failed"
    template = "Endpoint {endpoint} could not serve {model} version {version}: {cause}. Mend what last_lines show."


class SmokeFailed(OperationProblem):
    """The new entity answered its own input example wrongly, so no traffic was moved."""

    code, status, title = "smoke-failed", 409, "The new model failed its first prediction"
    template = "{model} version {version} failed its input example: {cause}. Traffic was not moved."


class OperationCancelled(OperationProblem):
    """A caller stopped the operation; `left_behind` lists what it had done."""

    code, status, title = "operation-cancelled", 409, "The operation was cancelled"
    template = "{principal} cancelled the operation. What it had done by then is listed in left_behind."


class OperationTimedOut(OperationProblem):
    """The deadline passed while upstream was still at work; nothing was stopped, and nothing was started beside it."""

    code, status, title, retryable = "operation-timed-out", 504, "The operation took too long", True
    template = (
        "{action} in {workspace} was not done after {waited_seconds} seconds and still runs there. "
        "Send :retry to go on waiting for it."
    )


class EngineFailure(OperationProblem):
    """The workflow engine gave up on the operation, or lost it; what was done by then is in its steps."""

    code, status, title = "engine-failure", 500, "The workflow engine gave up"
    template = "The workflow engine has given up on {operation}. Try it again by :retry; report it if that fails too."
