"""What can go wrong for a client.

::

    ClientError
    ├── UnreachableError         no answer, or one that broke off
    ├── MissingPackageError      geopandas or pyarrow is not installed
    └── ProblemError             the server said no (RFC 9457)
        ├── InvalidRequestError      400, 406, 413, 415, 422
        ├── UnauthenticatedError     401
        ├── ForbiddenError           403
        ├── NotFoundError            404, 410
        │   └── SnapshotGoneError        the version being paged is no longer kept
        ├── ConflictError            409, 412
        ├── LockNeededError          428
        ├── TooManyRequestsError     429
        └── ServerError              5xx
"""

from collections.abc import Mapping
from typing import Any, Final

__all__ = [
    "ClientError",
    "ConflictError",
    "ForbiddenError",
    "InvalidRequestError",
    "LockNeededError",
    "MissingPackageError",
    "NotFoundError",
    "ProblemError",
    "ServerError",
    "SnapshotGoneError",
    "TooManyRequestsError",
    "UnauthenticatedError",
    "UnreachableError",
    "problem_error",
]


class ClientError(Exception):
    """Anything this package raises on purpose."""


class UnreachableError(ClientError):
    """The server gave no answer, or one that broke off."""


class MissingPackageError(ClientError, ImportError):
    """A package that is needed for this form of answer is not installed."""


class ProblemError(ClientError):
    """An answer that is no success.

    Attributes
    ----------
    status : int
        HTTP status.
    problem : Mapping
        The problem document: ``type``, ``title``, ``detail``, ``instance``, and what helps (``parameter``, ``errors``).
    """

    def __init__(self, status: int, problem: Mapping[str, Any]) -> None:
        self.status, self.problem = status, problem
        super().__init__(f"{status} {problem.get('title', '')}: {problem.get('detail', '')}")

    @property
    def title(self) -> str:
        """Kind of problem, in the language of the client."""
        return str(self.problem.get("title", ""))

    @property
    def detail(self) -> str:
        """What was given, what was expected, what to do."""
        return str(self.problem.get("detail", ""))

    @property
    def parameter(self) -> str | None:
        """The parameter at fault, where there is one."""
        return self.problem.get("parameter")


class InvalidRequestError(ProblemError):
    """The request cannot be answered so."""


class UnauthenticatedError(ProblemError):
    """A valid token is needed."""


class ForbiddenError(ProblemError):
    """The role of the token does not allow this."""


class NotFoundError(ProblemError):
    """No such thing."""


class SnapshotGoneError(NotFoundError):
    """The version of the collection that is being paged is no longer kept: start again."""


class ConflictError(ProblemError):
    """The item is in another state than the one the change was made on: read it again."""


class LockNeededError(ProblemError):
    """The change was sent without the ETag of the state it was made on."""


class TooManyRequestsError(ProblemError):
    """The server asks for fewer requests, and went on asking after the retries."""


class ServerError(ProblemError):
    """The server failed, or is not ready."""


_BY_STATUS: Final[Mapping[int, type[ProblemError]]] = {
    401: UnauthenticatedError,
    403: ForbiddenError,
    404: NotFoundError,
    409: ConflictError,
    410: NotFoundError,
    412: ConflictError,
    428: LockNeededError,
    429: TooManyRequestsError,
}


def problem_error(status: int, problem: Mapping[str, Any]) -> ProblemError:
    """The error of a status.

    Examples
    --------
    >>> problem_error(412, {"title": "The item is in another state", "detail": "GET it again."})
    ConflictError('412 The item is in another state: GET it again.')
    """
    kind = _BY_STATUS.get(status, ServerError if status >= 500 else InvalidRequestError)
    return kind(status, problem)
