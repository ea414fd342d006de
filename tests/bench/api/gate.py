"""What stands before every route, in CPU time of one request: the whole chain against the bare application, in one run.

``python tests/bench/api/gate.py``: ASGI calls without a socket; a route that answers 40 bytes at once. Medians of many
rounds, with an API key, request ids, metrics, an answer too small to be compressed.
"""

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.access import Gate
from api.access.policy import Grant, add_key
from api.standing import Encodings, Notes, Watch
from api.standing.tally import Tally
from twin.settings import ServerSettings

ROUNDS, CALLS = 40, 500
MOST_US = 30.0


async def bare(scope: Scope, receive: Receive, send: Send) -> None:
    """A route that answers at once."""
    await Response(b'{"a":1}' * 6, media_type="application/json")(scope, receive, send)


def scope_of(key: str) -> Scope:
    """A browser's request."""
    headers = {
        "host": "127.0.0.1:8000", "user-agent": "Mozilla/5.0 (X11; Linux x86_64)", "accept": "application/json",
        "accept-encoding": "gzip, deflate, br, zstd", "accept-language": "zh-CN,zh;q=0.9", "x-api-key": key, "referer": "http://127.0.0.1:8000/",
    }  # fmt: skip
    return {
        "type": "http", "method": "GET", "path": "/collections", "raw_path": b"/collections", "query_string": b"limit=10",
        "headers": [(n.encode(), v.encode()) for n, v in headers.items()], "client": ("127.0.0.1", 5000), "scheme": "http",
        "server": ("127.0.0.1", 8000), "root_path": "", "http_version": "1.1",
    }  # fmt: skip


async def receive() -> Message:
    """An empty body."""
    return {"type": "http.request", "body": b"", "more_body": False}


async def nowhere(_message: Message) -> None:
    """A client that takes everything."""


async def spent(app, key: str) -> float:
    """Microseconds of CPU of one call."""
    scopes = [scope_of(key) for _ in range(CALLS)]
    before = time.process_time()
    for scope in scopes:
        await app(scope, receive, nowhere)
    return (time.process_time() - before) / CALLS * 1e6


async def main() -> None:
    """Print the medians and their difference."""
    with tempfile.TemporaryDirectory() as folder:
        city = Path(folder)
        _, secret = add_key(city, "bench", Grant())
        for name, more in (
            ("", {}),
            (" + access log", {"access_log": str(city / "log")}),
            (" + rate limit", {"rate_per_s": 1e9, "rate_burst": 10**6}),
        ):
            settings = ServerSettings(city=city, **more)
            chain = Watch(Gate(Encodings(bare), settings), Notes(settings, Tally()))
            plain, whole = [], []
            for _ in range(ROUNDS):
                plain.append(await spent(bare, secret))
                whole.append(await spent(chain, secret))
            least, most = statistics.median(plain), statistics.median(whole)
            sys.stdout.write(
                f"route alone {least:5.1f} µs, with the chain{name} {most:5.1f} µs: {most - least:5.1f} µs more, {most / least:.2f} × (most: {MOST_US} µs)\n"
            )


asyncio.run(main())
