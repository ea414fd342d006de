"""Edits and questions through the server that holds a city, for commands that meet it at work."""

import os
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from twin.city import City
from twin.errors import CityError, ConflictError, InvalidRequestError, NotFoundError, TwinError

__all__ = ["RemoteEdits", "announced", "ask_server", "remote_edits"]

FILE_NAME: Final = "server.json"
"""Beside the base: where the server of the city answers, for as long as it runs."""
TOKEN: Final = "TWIN_TOKEN"  # noqa: S105 -- a name
PATIENCE_S: Final = 60
KINDS: Final[dict[int, type[TwinError]]] = {
    400: InvalidRequestError,
    404: NotFoundError,
    409: ConflictError,
}


@contextmanager
def announced(city: Path, host: str, port: int) -> Iterator[None]:
    """Say in the city's folder where its server answers, while the block runs.

    A folder that may not be written to is left as it is.
    """
    file = city / FILE_NAME
    reach = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- compared, not listened on
    url = f"http://[{reach}]:{port}" if ":" in reach else f"http://{reach}:{port}"
    try:
        file.write_bytes(orjson.dumps({"url": url, "pid": os.getpid()}))
    except OSError:
        yield
        return
    try:
        yield
    finally:
        file.unlink(missing_ok=True)


def remote_edits(city: City, actor: str, at: str | None) -> "RemoteEdits | None":
    """Edits by the server that has announced itself for a city; None where none has."""
    url = _server_of(city)
    return None if url is None else RemoteEdits(url, actor, at)


def ask_server(city: City, path: str, **asked: str | None) -> Any:  # noqa: ANN401 -- whatever the route answers
    """Answer of a GET route of the server that has announced itself for a city.

    Raises
    ------
    CityError
        If none has, or it does not answer.
    TwinError
        What the server refuses with.
    """
    url = _server_of(city)
    if url is None:
        raise CityError(
            f"{city.path} is held by another program, and no server of it says where it answers; wait for it to end"
        )
    query = urllib.parse.urlencode({k: v for k, v in asked.items() if v is not None})
    return _answer(url, f"{path}?{query}" if query else path, None)


def _server_of(city: City) -> str | None:
    file = city.path / FILE_NAME
    return str(orjson.loads(file.read_bytes())["url"]) if file.is_file() else None


class RemoteEdits:
    """The edits of `api.address_edits.Edits`, asked of a server.

    The token of the variable TWIN_TOKEN is sent where there is one.
    """

    def __init__(self, url: str, actor: str, at: str | None) -> None:
        self.url = url
        self._actor = actor
        self._at = at

    def add(
        self,
        parent: str,
        level: str,
        name: str,
        place: tuple[float, float, float | None] | None,
        aliases: Sequence[str] = (),
    ) -> dict[str, Any]:
        """Add a node below another."""
        lon, lat, z = place or (None, None, None)
        new = {"parent": parent, "level": level, "name": name, "aliases": list(aliases)}
        return self._asked("insert", new | {"lon": lon, "lat": lat, "z": z})

    def rename(self, node: str, name: str) -> dict[str, Any]:
        """Give a node another name."""
        return self._asked("rename", {"node": node, "name": name})

    def retire(self, node: str, into: Sequence[str]) -> dict[str, Any]:
        """Let a node end."""
        return self._asked("retire", {"node": node, "into": list(into)})

    def merge(self, node: str, into: str) -> dict[str, Any]:
        """Let a node go into another."""
        return self._asked("merge", {"node": node, "into": [into]})

    def split(self, node: str, into: Sequence[str], shares: Sequence[str]) -> dict[str, Any]:
        """Let a node go into several new ones beside it."""
        return self._asked("split", {"node": node, "into": list(into), "shares": list(shares)})

    def _asked(self, event: str, told: dict[str, Any]) -> dict[str, Any]:
        body = orjson.dumps({"event": event, "actor": self._actor, "at": self._at, **told})
        said: dict[str, Any] = _answer(self.url, "/address/edits", body)
        return said


def _answer(url: str, path: str, body: bytes | None) -> Any:  # noqa: ANN401 -- whatever the route answers
    """Decoded answer to a GET, or a POST where there is a body."""
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get(TOKEN):
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(url + path, body, headers)  # noqa: S310 -- http, of our own file
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=PATIENCE_S) as answer:
            return orjson.loads(answer.read())
    except urllib.error.HTTPError as refused:
        raise _refusal(refused, "operator" if body is not None else "viewer") from None
    except OSError as error:
        raise CityError(
            f"the server of this city ({url}) does not answer: {error}; stop it, or start it again"
        ) from error


def _refusal(refused: urllib.error.HTTPError, role: str) -> TwinError:
    """What the server said, as the error it would be here."""
    try:
        detail = str(orjson.loads(refused.read())["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"the server answered {refused.code}"
    if refused.code in (401, 403):
        detail += f" Set {TOKEN} to a token of the role {role}."
    return KINDS.get(refused.code, CityError)(detail)
