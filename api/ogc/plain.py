"""A GET as the short way reads it: parameters and headers looked at once, and only those that are asked for."""

from functools import lru_cache
from typing import Any, Final
from urllib.parse import unquote

from starlette.requests import Request
from starlette.types import Scope

__all__ = ["Given", "Heads", "PlainRequest", "given_of", "root_of"]

MOST_PARAMETERS: Final = 20


class Given(dict[str, str]):
    """Parameters of an address, none of them twice."""

    __slots__ = ()

    def multi_items(self) -> list[tuple[str, str]]:
        """All of them."""
        return list(self.items())


class Heads:
    """Headers of a request, none of them twice."""

    __slots__ = ("_raw",)

    def __init__(self, raw: dict[bytes, bytes]) -> None:
        self._raw = raw

    def get(self, name: str, default: str | None = None) -> str | None:
        """A header's text."""
        found = self._raw.get(name.encode("latin-1"))
        return default if found is None else found.decode("latin-1")


class PlainRequest(Request):
    """A request whose parameters and headers have been read; the short way makes one for each.

    Parameters
    ----------
    scope : Scope
        With ``app`` and ``caller``.
    heads : dict of bytes
        By lower-case names.
    given : Given
    """

    query_params: Any = None
    headers: Any = None

    def __init__(self, scope: Scope, heads: dict[bytes, bytes], given: Given) -> None:
        self.scope = scope
        self.query_params = given
        self.headers = Heads(heads)


NONE: Final = Given()


def given_of(query: bytes) -> Given | None:
    """Parameters as :class:`starlette.datastructures.QueryParams` reads them; None where one is given twice.

    Examples
    --------
    >>> given_of(b"a=%E6%A5%BC+1&&b"), given_of(b"a=1&a=2")
    ({'a': '楼 1', 'b': ''}, None)
    """
    if not query:
        return NONE
    found, n = Given(), 0
    for part in query.decode("latin-1").split("&"):
        if not part:
            continue
        name, _, value = part.partition("=")
        if "%" in part or "+" in part:
            name, value = unquote(name.replace("+", " ")), unquote(value.replace("+", " "))
        found[name] = value
        n += 1
    return found if n == len(found) <= MOST_PARAMETERS else None


@lru_cache(1024)
def root_of(scheme: str, host: bytes, server: tuple[str, int | None] | None) -> str:
    """Address of the server as a client wrote it in ``host``."""
    scope = {"type": "http", "scheme": scheme, "server": server, "path": "/", "query_string": b"",
             "headers": [(b"host", host)], "root_path": ""}  # fmt: skip
    return str(Request(scope).base_url).rstrip("/")
