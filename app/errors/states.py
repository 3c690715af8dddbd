"""Problems of the moment: the request is sound, but the world stands in its way."""

from app.errors.problem import StateProblem


class OperationInProgress(StateProblem):
    """Another operation is setting the state of the same thing."""

    code, title = "operation-in-progress", "Another operation is under way"
    template = "{operation} is still changing {resource}. Wait until it is done, then send the request again."


class OperationAlreadyDone(StateProblem):
    """A finished operation cannot be cancelled."""

    code, title = "operation-already-done", "The operation has ended"
    template = "{operation} has ended as {state}. There is nothing left to cancel."


class OperationNotRetryable(StateProblem):
    """Only what failed can be tried again as the same operation."""

    code, title = "operation-not-retryable", "The operation cannot be tried again"
    template = "{operation} is {state}, not FAILED. Send the request again with a new Idempotency-Key."


class PlanStale(StateProblem):
    """The world has moved since the plan was made."""

    code, title = "plan-stale", "The plan no longer holds"
    template = "The plan {plan_digest} no longer describes what would happen. Make a new plan and look at it."


class SubjectChanged(StateProblem):
    """What somebody wants to approve is no longer what would be done."""

    code, title = "subject-changed", "What was to be approved has changed"
    template = "{subject_digest} is not what would be done now: that is {found}. Look at a new plan, and approve that."


class ApprovalMissing(StateProblem):
    """Too few others have approved exactly what is asked for; an approval of anything else does not count."""

    code, title = "approval-missing", "An approval is missing"
    template = (
        "{subject_digest} has {given} of {needed} approvals by others than {principal}. "
        "Have an approver POST it to /v1/approvals."
    )


class PolicyUnmet(StateProblem):
    """The version does not meet the audience's policy; `unmet` lists every rule with what was seen and is needed."""

    code, title = "policy-unmet", "The policy is not met"
    template = (
        "Version {version} of {model} does not meet the policy of audience {audience}: {difference}. "
        "Mend the version, or have the policy changed."
    )


class SigningKeyUnusable(StateProblem):
    """A signing key is configured, and nothing leaves unsigned; it cannot be read, or is of the wrong kind."""

    code, status, title, retryable = "signing-key-unusable", 503, "The signing key cannot be used", True
    template = "The configured signing key cannot be used: {reason}. Have it put where it is configured."


class SignatureInvalid(StateProblem):
    """What was published is signed, and the signature does not vouch for the files that the publication lists."""

    code, title = "signature-invalid", "The signature does not hold"
    template = "The signature of {publication} does not hold: {reason}. Do not use the version; publish it again."


class ModelVersionNotReady(StateProblem):
    """Only a READY version can be copied, shared, scored or served."""

    code, title = "model-version-not-ready", "The model version is not ready"
    template = "Version {version} of {model} in {workspace} is {state}. Wait until it is READY, then try again."


class SignatureMissing(StateProblem):
    """A version without a signature can be neither checked nor smoke-tested."""

    code, title = "signature-missing", "The model version has no signature"
    template = "Version {version} of {model} in {workspace} has no signature. Log it again with a signature."


class InputExampleMissing(StateProblem):
    """Without an example of its input, a version's first prediction cannot be made before traffic moves."""

    code, title = "input-example-missing", "The model version has no input example"
    template = "Version {version} of {model} in {workspace} has no input example. Log it again with input_example."


class AudienceMismatch(StateProblem):
    """The live share reaches somebody, or holds something, that the audience does not declare."""

    code, title = "audience-mismatch", "The share does not match the audience"
    template = (
        "Share {share} does not match audience {audience}: {difference}. "
        "Declare what differs, remove it, or have readers taken away by POST /v1/audience-changes."
    )


class AudienceChangePending(StateProblem):
    """The configuration names recipients that do not read the share yet: nobody begins to as a side effect."""

    code, title = "audience-change-pending", "The audience has changed"
    template = (
        "Audience {audience} declares what readers of share {share} do not reflect: {difference}. "
        "POST /v1/audience-changes shows the change as a plan, and makes it."
    )


class PublishedNameTaken(StateProblem):
    """A shareable model holds copies of one model only, and its name is the last part of that model's."""

    code, title = "published-name-taken", "The published name is another model's"
    template = (
        "{published_model} holds copies of {taken_by} and cannot take {model} as well. "
        "Publish to another audience, or register the model under another last name."
    )


class ProviderTaken(StateProblem):
    """A share is its metastore's: two workspaces on one would keep two sets of books of it, and neither be right."""

    code, title = "provider-taken", "The audience is published from another workspace"
    template = (
        "Audience {audience} is published from {taken_by}, on the metastore of {workspace}: they would have one share. "
        "Publish from {taken_by}, or withdraw first what was published from there."
    )


class NotForExternal(StateProblem):
    """Something that would travel along must not reach an external audience; `reasons` lists each."""

    code, title = "not-for-external", "Not everything may leave the house"
    template = (
        "Version {version} of {model} may not go to external audience {audience}: {difference}. "
        "Mend the version, or have the audience's tags list what may be seen."
    )


class WholeModelRefused(StateProblem):
    """A model that is shared whole shows versions that nobody has looked at, which its audience rules out."""

    code, title = "whole-model-refused", "The model cannot be shared whole"
    template = (
        "Audience {audience} {reason}, and {model} shared whole would show versions that nobody has vetted. "
        "Publish a vetted copy."
    )


class DependenciesNotShared(StateProblem):
    """The version needs tables or functions that are not in the share: without them it cannot be served."""

    code, title = "dependencies-not-shared", "What the version needs is not shared"
    template = (
        "Version {version} of {model} needs {names}, which share {share} does not hold. "
        "Send include_dependencies, or have the audience's tables list them."
    )


class PublicationInUse(StateProblem):
    """Withdrawing would delete what endpoints serve, or are about to; they may go on for a while, and never restart."""

    code, title = "publication-in-use", "The publication is in use"
    template = "The copy of {id} is used by {used_by}. Move those to another version first, or send force=true."


class ShareNameTaken(StateProblem):
    """A share of the derived name exists that Causeway did not make."""

    code, title = "share-name-taken", "The share's name is taken"
    template = (
        "Share {share} in {workspace} was made by {made_by}, not by Causeway. "
        "Rename it, or have an admin adopt it by POST /v1/adoptions."
    )


class RecipientNameTaken(StateProblem):
    """A recipient of the derived name exists that Causeway did not make."""

    code, title = "recipient-name-taken", "The recipient's name is taken"
    template = (
        "Recipient {recipient} in {workspace} has a name of Causeway's, but {difference}. "
        "Rename it, or have an admin adopt it by POST /v1/adoptions if it stands for the right metastore."
    )


class CatalogNameTaken(StateProblem):
    """A catalog of the wanted name exists, and is not this share's."""

    code, title = "catalog-name-taken", "The catalog's name is taken"
    template = "Catalog {catalog} in {workspace} is not made from share {share}. Name another catalog."


class AcceptanceInUse(StateProblem):
    """Giving back would remove a catalog that endpoints serve from, or are about to."""

    code, title = "acceptance-in-use", "The acceptance is in use"
    template = "Catalog {catalog} of {id} in {workspace} is used by {used_by}. Move those away first, or force it."


class CopyPlaceUnusable(StateProblem):
    """The schema that was named for the consumer's own copies cannot take them; `reason` says why."""

    code, title = "copy-place-unusable", "The copies cannot go there"
    template = "{schema} in {workspace} cannot take the copies: {reason}. Name another schema in copy_to."


class EndpointNameTaken(StateProblem):
    """An endpoint of the wanted name exists that Causeway did not make for this project."""

    code, title = "endpoint-name-taken", "The endpoint's name is taken"
    template = "Endpoint {endpoint} in {workspace} was not made by Causeway for {project}. Name another endpoint."


class AudienceUnknown(StateProblem):
    """The project declares no such audience."""

    code, status, title = "audience-not-found", 404, "The project has no such audience"
    template = "Project {project} declares no audience {audience}. Name one that the configuration declares."


class WorkspaceRoleMismatch(StateProblem):
    """The configuration gives the workspace no part in what was asked."""

    code, status, title = "workspace-role-mismatch", 422, "The workspace does not play this part"
    template = "{workspace} has no {setting} in the configuration. Choose another workspace, or have it configured."


class RecordNotActive(StateProblem):
    """The record is not in the state that the request builds on."""

    code, title = "record-not-active", "The record is not active"
    template = "{id} is {state}, not {needed}. Wait until it is, or name another."


class DriftChanged(StateProblem):
    """What somebody wants to accept as the new promise is no longer what was found."""

    code, title = "drift-changed", "What was found has changed"
    template = "{drift} is no longer what was told: {found}. Reconcile again, and look at it before you accept it."


class RemedyNotOffered(StateProblem):
    """The drift cannot be healed in this way; `advice` says how it can."""

    code, title = "remedy-not-offered", "The drift has no such remedy"
    template = "{drift} cannot be healed by {remedy}. Do this instead: {advice}."


class WorkspaceRetiring(StateProblem):
    """The workspace is about to leave the configuration: what is under way there goes on, nothing new begins."""

    code, title = "workspace-retiring", "The workspace is retiring"
    template = "{workspace} is retiring and takes no new work. Choose another workspace, or ask why it is to leave."


class RateLimited(StateProblem):
    """The caller's or the service's own limit is reached."""

    code, status, title, retryable = "rate-limited", 429, "Too many requests", True
    template = "More than {limit} requests are under way for {resource}. Try again after the time in Retry-After."


class DatabaseUnavailable(StateProblem):
    """The connection to the service's own database is lost or cannot be had; steps of operations wait for it."""

    code, status, title, retryable = "database-unavailable", 503, "The database is unavailable", True
    template = "Causeway cannot reach its own database. Send the same request again in a moment."


class Internal(StateProblem):
    """A fault of Causeway's own; the request id finds it in the logs."""

    code, status, title = "internal", 500, "Causeway failed"
    template = "Causeway met a fault of its own. Report the request id to whoever runs it."
