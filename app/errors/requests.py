"""Problems that the caller can mend: what was sent, who sent it, what was named."""

from app.errors.problem import RequestProblem


class RequestInvalid(RequestProblem):
    """The body, a parameter or a header does not fit what the API describes; `errors` points at each place."""

    code, status, title = "request-invalid", 422, "The request is not valid"
    template = "{count} part(s) of the request do not fit what this call takes. Mend the places listed in errors."


class BodyUnreadable(RequestProblem):
    """The body is not the JSON text it should be."""

    code, status, title = "body-unreadable", 400, "The body cannot be read"
    template = "The body is not valid JSON in UTF-8: {reason}. Send one JSON object."


class BodyTooLarge(RequestProblem):
    """The body is larger than this call takes."""

    code, status, title = "body-too-large", 413, "The body is too large"
    template = "The body is larger than {limit_bytes} bytes. Send less, or put the data into a volume and name it."


class MediaTypeUnsupported(RequestProblem):
    """The body's media type is not one that this call takes."""

    code, status, title = "media-type-unsupported", 415, "The media type is not supported"
    template = "This call does not take {media_type}. Send application/json."


class PageTokenInvalid(RequestProblem):
    """The page token was not made by this list with these filters."""

    code, status, title = "page-token-invalid", 400, "The page token is not valid"
    template = "The page token was not given out for this list and these filters. Start again without it."


class IdempotencyKeyReused(RequestProblem):
    """The key was used before with another body."""

    code, status, title = "idempotency-key-reused", 422, "The Idempotency-Key was used for another request"
    template = "The key already names {operation}, which another body started. Use a new key for a new request."


class IdempotencyKeyExpired(RequestProblem):
    """The key was used so long ago that its operation is gone; repeating the work unasked would be worse."""

    code, status, title = "idempotency-key-expired", 422, "The Idempotency-Key is spent"
    template = "The key named {operation}, which is no longer kept. Use a new key if the work is to be done again."


class RouteNotFound(RequestProblem):
    """No call has this path."""

    code, status, title = "route-not-found", 404, "There is no such path"
    template = "Nothing answers at {path}. See /docs for what does."


class MethodNotAllowed(RequestProblem):
    """The path exists, but not with this method; `Allow` lists those that do."""

    code, status, title = "method-not-allowed", 405, "The method is not allowed here"
    template = "{path} does not answer {method}. Use one of: {allowed}."


class Unauthenticated(RequestProblem):
    """No key came, or it is unknown, revoked or expired: the answer does not tell which."""

    code, status, title = "unauthenticated", 401, "Who is calling is not known"
    template = "The request carries no key that is valid now. Send a live API key as a bearer token."


class PrincipalUnknown(RequestProblem):
    """Keys are for persons and for declared service accounts."""

    code, status, title = "principal-unknown", 422, "The principal is not known"
    template = "{principal} is neither a person nor a declared service account. Declare it under principals first."


class PermissionDenied(RequestProblem):
    """The caller's role in the project does not cover the action."""

    code, status, title = "permission-denied", 403, "The caller may not do this"
    template = "{principal} may not {action} in project {project}. Ask for the role {role}."


class AdminRequired(PermissionDenied):
    """The action is for admins alone, and a key that is limited to projects is never one."""

    code, title = "admin-required", "Only an admin may do this"
    template = "{principal} may not {action}. Ask one of the admins that the configuration names."


class NotInProject(RequestProblem):
    """The project does not declare the name; the same answer whether it exists or not."""

    code, status, title = "not-in-project", 403, "The name is not the project's"
    template = "Project {project} declares no {kind} {name} in {workspace}. Name what it declares, or have it declared."


class LinkNotDeclared(RequestProblem):
    """Models move only along declared links."""

    code, status, title = "link-not-declared", 403, "There is no link between these workspaces"
    template = "No link from {source} to {target} is declared. Have it declared, or choose another pair."


class NotFound(RequestProblem):
    """Something named in the request is not there (or is not the caller's to see)."""

    code, status, title = "not-found", 404, "There is no such thing"
    template = "There is no {kind} {name}. Check the name."


class RecordNotFound(NotFound):
    """One of Causeway's own records is not there, or belongs to a project that the caller cannot see."""

    code, title = "record-not-found", "There is no such record"
    template = "There is no {kind} {id} that the caller may see. List the collection to find its id."


class ProjectNotFound(NotFound):
    """The project is not declared, or not the caller's."""

    code, title = "project-not-found", "There is no such project"
    template = "There is no project {project} that the caller may see. GET /v1/projects lists them."


class WorkspaceNotFound(NotFound):
    """The workspace is not declared, or not for the caller's projects."""

    code, title = "workspace-not-found", "There is no such workspace"
    template = "There is no workspace {workspace} that the caller may see. GET /v1/workspaces lists them."


class UpstreamNotFound(NotFound):
    """A Databricks object named in the request does not exist in its workspace."""

    code, title = "object-not-found", "The workspace has no such object"
    template = "{workspace} has no {kind} {name}. Check the name and that it was not removed."


class ModelNotFound(UpstreamNotFound):
    """The registered model does not exist."""

    code, title = "model-not-found", "The workspace has no such model"


class ModelVersionNotFound(UpstreamNotFound):
    """The model version does not exist."""

    code, title = "model-version-not-found", "The model has no such version"


class EndpointNotFound(UpstreamNotFound):
    """The serving endpoint does not exist."""

    code, title = "endpoint-not-found", "The workspace has no such endpoint"


class DataNotFound(UpstreamNotFound):
    """The data file does not exist."""

    code, title = "data-not-found", "The workspace has no such data"


class CatalogNotFound(UpstreamNotFound):
    """The catalog does not exist."""

    code, title = "catalog-not-found", "The workspace has no such catalog"


class ShareNotFound(UpstreamNotFound):
    """The share does not exist, or the consumer cannot see it yet."""

    code, title = "share-not-found", "The workspace has no such share"


class ProviderNotFound(UpstreamNotFound):
    """No provider in the consumer's metastore has the producer's sharing identifier."""

    code, title = "provider-not-found", "The consumer sees no such provider"
    template = "{workspace} sees no provider {name}. Have it share something with this workspace first, then try again."


class DataEmpty(RequestProblem):
    """The data file holds nothing."""

    code, status, title = "data-empty", 422, "The data is empty"
    template = "{data} in {workspace} holds no rows. Name a file with a header and rows."


class ColumnMissing(RequestProblem):
    """The data lacks a column that the request names."""

    code, status, title = "column-missing", 422, "The data has no such column"
    template = "{data} has no column {column}; it has {columns}. Name one of those."


class InputRejected(RequestProblem):
    """A row does not fit the model's signature; the text names types, never a value."""

    code, status, title = "input-rejected", 422, "The rows do not fit the model"
    template = "Column {column} takes {expected}, got {got}. Send the columns of the model's signature."
