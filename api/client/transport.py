"""Requests to one server: token, retries, problems as errors."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import httpx

from api.client.errors import ProblemError, UnreachableError, problem_error

__all__ = ["Transport"]

SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_WAIT_S: Final = 60.0
FIRST_WAIT_S: Final = 0.25


class Transport:
    """An HTTP client for one server.

    Parameters
    ----------
    url : str
        Address of the server. The token is sent nowhere else: redirects are not followed, and of links only the
        query is used.
    token : str, optional
    language : {"zh", "en"}
        Language of titles and problems.
    timeout_s : float
        Seconds without a byte after which an answer counts as broken off.
    retries : int
        How often a request is sent again: reads after 429, 502, 503, 504 and broken connections; writes only after 429, or
        503 with ``Retry-After``, since otherwise they may have been done.
    sleep : callable
        Waits that many seconds.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        language: str = "en",
        timeout_s: float = 60.0,
        retries: int = 4,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.url = url.rstrip("/")
        headers = {"Accept-Language": language, "User-Agent": "citytwin-client"}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        self.retries, self.sleep = retries, sleep
        self.http = httpx.Client(
            base_url=self.url, headers=headers, timeout=timeout_s, follow_redirects=False
        )

    def close(self) -> None:
        """Give back the connections."""
        self.http.close()

    def json(self, path: str, params: Mapping[str, Any] | None = None) -> Any:  # noqa: ANN401 -- any JSON
        """JSON of a GET."""
        return self.send("GET", path, params=params).json()

    def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | str | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Response:
        """A whole answer.

        Raises
        ------
        UnreachableError
            If there is none after the retries.
        ProblemError
            If it is no success.
        """
        request = self.http.build_request(
            method, path, params=_given(params), headers=headers, content=content
        )
        for attempt in range(self.retries + 1):
            try:
                answer = self.http.send(request)
            except httpx.TransportError as err:
                if method not in SAFE or attempt == self.retries:
                    raise UnreachableError(
                        f"{method} {request.url}: {str(err) or type(err).__name__}"
                    ) from err
                self.sleep(FIRST_WAIT_S * 2**attempt)
                continue
            if answer.is_success:
                return answer
            wait = self._wait(method, answer, attempt)
            if wait is None:
                raise _error(answer)
            self.sleep(wait)
        raise AssertionError("unreachable")  # the last attempt returns or raises

    @contextmanager
    def stream(
        self,
        path: str,
        params: Mapping[str, Any] | str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """An answer to a GET whose body comes as it is read; sent again only before the first byte of it."""
        for attempt in range(self.retries + 1):
            request = self.http.build_request("GET", path, params=_given(params), headers=headers)
            try:
                answer = self.http.send(request, stream=True)
            except httpx.TransportError as err:
                if attempt == self.retries:
                    raise UnreachableError(
                        f"GET {request.url}: {str(err) or type(err).__name__}"
                    ) from err
                self.sleep(FIRST_WAIT_S * 2**attempt)
                continue
            try:
                if answer.is_success:
                    yield answer
                    return
                answer.read()
            except httpx.TransportError as err:
                raise UnreachableError(
                    f"GET {request.url} broke off: {str(err) or type(err).__name__}"
                ) from err
            finally:
                answer.close()
            wait = self._wait("GET", answer, attempt)
            if wait is None:
                raise _error(answer)
            self.sleep(wait)

    def _wait(self, method: str, answer: httpx.Response, attempt: int) -> float | None:
        """Seconds until the request is sent again; None where it is not."""
        asked = answer.headers.get("retry-after")
        again = answer.status_code == 429 or (answer.status_code == 503 and asked is not None)
        if method in SAFE:
            again = again or answer.status_code in (502, 503, 504)
        if not again or attempt == self.retries:
            return None
        return min(LONGEST_WAIT_S, _seconds(asked, FIRST_WAIT_S * 2**attempt))


def _given(params: Mapping[str, Any] | str | None) -> Any:  # noqa: ANN401 -- what httpx takes
    if isinstance(params, Mapping):
        return {name: value for name, value in params.items() if value is not None}
    return params


def _seconds(text: str | None, default: float) -> float:
    """Seconds of a ``Retry-After``: a number or a date (RFC 9110, 10.2.3).

    >>> _seconds("3", 0.5), _seconds(None, 0.5), _seconds("soon", 0.5)
    (3.0, 0.5, 0.5)
    """
    if text is None:
        return default
    if text.isascii() and text.strip().isdigit():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return default
    return max(0.0, (then - datetime.now(UTC)).total_seconds())


def _error(answer: httpx.Response) -> ProblemError:
    try:
        problem = answer.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        problem = None
    if not isinstance(problem, dict):
        problem = {"title": answer.reason_phrase, "detail": answer.text[:500]}
    return problem_error(answer.status_code, problem)
