"""Every error citytwin raises on purpose.

::

    TwinError
    ├── InvalidRequestError      the call cannot be answered as asked (bad bbox, bad time, bad
    option)
    ├── NotFoundError            no such thing was ever known here
    ├── ConflictError            the state does not allow it (illegal transition, already exists)
    ├── ForbiddenError           the caller's role does not allow it
    ├── CityError                the city folder is missing, damaged or of another version
    │   ├── CityInUseError       another process holds the base
    │   └── NotReadyError        it is being made; the same call works a moment later
    ├── SourceError              a source file cannot be read
    │   ├── UnsupportedFormatError   no loader knows this kind of file
    │   └── UnsafeSourceError        refused: path traversal, oversized header, entity bomb…
    ├── CrsError                 no usable coordinate reference system
    │   └── MissingCrsError          none declared, none inferred with enough confidence
    ├── PlanError                the plan file contradicts itself or the source
    └── LawError                 a law of the base would be broken (conservation, overlap, …)

An error carries data (``err.path``, ``err.given``) beside its message; the message says what was
given,
what was expected and what to do. Bad *data* does not raise: it becomes a quarantined record.
"""

from pathlib import Path

__all__ = [
    "CityError",
    "CityInUseError",
    "ConflictError",
    "CrsError",
    "ForbiddenError",
    "InvalidRequestError",
    "LawError",
    "MissingCrsError",
    "NotFoundError",
    "NotReadyError",
    "PlanError",
    "SourceError",
    "TwinError",
    "UnsafeSourceError",
    "UnsupportedFormatError",
]


class TwinError(Exception):
    """Root of the tree: catching it catches everything citytwin raises on purpose."""


class InvalidRequestError(TwinError):
    """The call cannot be answered as asked.

    Parameters
    ----------
    message : str
        What was given, what was expected, what to do.
    parameter : str, optional
        Name of the offending parameter.
    """

    def __init__(self, message: str, parameter: str | None = None) -> None:
        self.parameter = parameter
        super().__init__(message)


class NotFoundError(TwinError):
    """No such thing was ever known here."""


class ConflictError(TwinError):
    """The present state does not allow the step."""


class ForbiddenError(TwinError):
    """The caller's role does not allow it."""


class CityError(TwinError):
    """The city folder is missing, damaged or of another version."""


class CityInUseError(CityError):
    """Another process holds the base."""


class NotReadyError(CityError):
    """What the call needs is being made; the same call works a moment later."""


class SourceError(TwinError):
    """A source file cannot be read.

    Parameters
    ----------
    path : Path
        The file.
    reason : str
        Why, in words an analyst understands, with what to do.
    """

    def __init__(self, path: Path, reason: str) -> None:
        self.path = path
        self.reason = reason
        super().__init__(f"{path}: {reason}")


class UnsupportedFormatError(SourceError):
    """No loader knows this kind of file."""


class UnsafeSourceError(SourceError):
    """The file was refused because reading it could harm the machine."""


class CrsError(TwinError):
    """No usable coordinate reference system."""


class MissingCrsError(CrsError):
    """No CRS is declared and none could be inferred with enough confidence."""


class PlanError(TwinError):
    """The plan file contradicts itself or the source."""


class LawError(TwinError):
    """A law of the base would be broken; nothing was written."""
