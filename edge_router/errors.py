"""What can go wrong, by name.

    RouterError
    ├── RequestError        the request is wrong: 400, nothing else is affected
    ├── NotFoundError       a named thing does not exist: 404
    ├── UnavailableError    a part that is needed does not answer: 503
    ├── RepositoryError     the model repository is wrong: refused at load
    └── ConfigError         a configuration file or variable is wrong: refused at start

Raised close to the cause; translated once, at the edge (V2 error, OpenAI error, Triton error). A message says what is
wrong, where, and what to do. It never holds prompt text.
"""


class RouterError(Exception):
    """Base of every error this package raises on purpose."""

    status = 500


class RequestError(RouterError):
    """The request itself cannot be answered; the same request will fail again."""

    status = 400


class NotFoundError(RouterError):
    """The request names something that does not exist here."""

    status = 404


class UnavailableError(RouterError):
    """A part this request needs does not answer; the same request may succeed later."""

    status = 503


class RepositoryError(RouterError):
    """The model repository cannot be served as it is."""


class ConfigError(RouterError):
    """A configuration is refused. The message names the file or variable and the key."""
