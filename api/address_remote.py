"""Edits through the server that holds a city, for commands that meet it at work."""

import os
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import orjson

from twin.city import City
from twin.errors import CityError, ConflictError, InvalidRequestError, NotFoundError, TwinError

__all__ = ["RemoteEdits", "announced", "remote_edits"]

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
    file = city.path / FILE_NAME
    if not file.is_file():
        return None
    return RemoteEdits(str(orjson.loads(file.read_bytes())["url"]), actor, at)


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
        headers = {"Content-Type": "application/json"}
        if token := os.environ.get(TOKEN):
            headers["Authorization"] = f"Bearer {token}"
        request = urllib.request.Request(f"{self.url}/address/edits", body, headers)  # noqa: S310 -- http, of our own file
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=PATIENCE_S) as answer:
                said: dict[str, Any] = orjson.loads(answer.read())
        except urllib.error.HTTPError as refused:
            raise _refusal(refused) from None
        except OSError as error:
            raise CityError(
                f"the server of this city ({self.url}) does not answer: {error}; stop it, or start it again"
            ) from error
        return said


def _refusal(refused: urllib.error.HTTPError) -> TwinError:
    """What the server said, as the error it would be here."""
    try:
        detail = str(orjson.loads(refused.read())["detail"])
    except (ValueError, KeyError, TypeError):
        detail = f"the server answered {refused.code}"
    if refused.code in (401, 403):
        detail += f" Set {TOKEN} to a token of the role operator."
    return KINDS.get(refused.code, CityError)(detail)
