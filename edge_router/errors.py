"""The errors of this package.

    RouterError
    ├── RequestError        the request is wrong: 400
    ├── UnauthorizedError   the access key is missing or invalid: 401
    ├── ForbiddenError      the access key does not allow this: 403
    ├── NotFoundError       the requested thing does not exist: 404
    ├── LimitedError        a rate limit or quota is exceeded: 429
    ├── UnavailableError    a part that the request needs does not answer: 503
    ├── RepositoryError     the model repository is wrong; refused at load
    └── ConfigError         a configuration file or variable is wrong; refused at start

An error is raised close to its cause and translated once, at the edge (V2 error, OpenAI error, Triton error). Its
message says what is wrong, where, and what to do. It never holds prompt text.
"""


class RouterError(Exception):
    """Base class of every error that this package raises on purpose."""

    status = 500
    """HTTP status of the response."""
    code: str | None = None
    """Machine-readable error code, where `status` is not enough."""
    retry_after: float | None = None
    """Seconds after which the same request may succeed."""


class RequestError(RouterError):
    """The request is wrong; sent again, it fails again."""

    status = 400


class UnauthorizedError(RouterError):
    """The client has no valid access key."""

    status = 401


class ForbiddenError(RouterError):
    """The client's access key does not allow the request."""

    status = 403


class NotFoundError(RouterError):
    """The request names something that does not exist."""

    status = 404


class LimitedError(RouterError):
    """The client exceeds a rate limit or quota; `retry_after`: seconds until the next attempt."""

    status = 429

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnavailableError(RouterError):
    """A part that the request needs does not answer; the same request may succeed later."""

    status = 503


class RepositoryError(RouterError):
    """The model repository cannot be served as it is."""


class ConfigError(RouterError):
    """A configuration is wrong. The message names the file or variable, and the key."""
