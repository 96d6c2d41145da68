"""What can go wrong, by name.

    RouterError
    ├── RequestError        the request is wrong: 400, nothing else is affected
    ├── UnauthorizedError   no valid access key: 401
    ├── ForbiddenError      the key is valid, but not for this: 403
    ├── NotFoundError       a named thing does not exist: 404
    ├── LimitedError        too much was asked in too short a time: 429
    ├── UnavailableError    a part that is needed does not answer: 503
    ├── RepositoryError     the model repository is wrong: refused at load
    └── ConfigError         a configuration file or variable is wrong: refused at start

Raised close to the cause; translated once, at the edge (V2 error, OpenAI error, Triton error). A message says what is
wrong, where, and what to do. It never holds prompt text.
"""


class RouterError(Exception):
    """Base of every error this package raises on purpose."""

    status = 500
    code: str | None = None
    """A word for programs, where `status` is not enough."""
    retry_after: float | None = None
    """Seconds after which the same request may succeed."""


class RequestError(RouterError):
    """The request itself cannot be answered; the same request will fail again."""

    status = 400


class UnauthorizedError(RouterError):
    """Nobody knows who asks."""

    status = 401


class ForbiddenError(RouterError):
    """Who asks is known, and may not have this."""

    status = 403


class NotFoundError(RouterError):
    """The request names something that does not exist here."""

    status = 404


class LimitedError(RouterError):
    """Allowed, but not so much of it; `retry_after` says when."""

    status = 429

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class UnavailableError(RouterError):
    """A part this request needs does not answer; the same request may succeed later."""

    status = 503


class RepositoryError(RouterError):
    """The model repository cannot be served as it is."""


class ConfigError(RouterError):
    """A configuration is refused. The message names the file or variable and the key."""
