"""A typed client of a city server: tables of features, addresses, edits, downloads, what happens now.

Needs ``httpx`` (``pip install citytwin[client]``), ``geopandas`` for frames and ``pyarrow`` for Arrow tables; neither
the server nor the base is imported.

>>> from api.client import City
>>> City("http://127.0.0.1:8000")
City('http://127.0.0.1:8000')
"""

from api.client.city import City
from api.client.errors import (
    ClientError,
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    LockNeededError,
    MissingPackageError,
    NotFoundError,
    ProblemError,
    ServerError,
    SnapshotGoneError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnreachableError,
)
from api.client.live import Event
from api.client.query import Query
from api.client.things import Collection, Collections, Feature

__all__ = [
    "City",
    "ClientError",
    "Collection",
    "Collections",
    "ConflictError",
    "Event",
    "Feature",
    "ForbiddenError",
    "InvalidRequestError",
    "LockNeededError",
    "MissingPackageError",
    "NotFoundError",
    "ProblemError",
    "Query",
    "ServerError",
    "SnapshotGoneError",
    "TooManyRequestsError",
    "UnauthenticatedError",
    "UnreachableError",
]
