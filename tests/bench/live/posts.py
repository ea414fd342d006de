"""POSTs over several connections, one after the other on each; used by ``web.py`` and ``beside.py``."""

import asyncio
import time
from urllib.parse import urlsplit


async def load(to, connections, seconds, body):
    """Requests to an address answered with 201 in so many seconds; ``body(connection, nth)`` makes one."""
    where = urlsplit(to)
    until, done = time.monotonic() + seconds, [0]

    async def one(number):
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        nth = 0
        while time.monotonic() < until:
            data = body(number, nth)
            head = (
                f"POST {where.path} HTTP/1.1\r\nHost: {where.netloc}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(data)}\r\n\r\n"
            )
            writer.write(head.encode() + data)
            answer = await reader.readuntil(b"\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 201"), answer
            low = answer.lower()
            if b"content-length: " in low:
                size = int(low.partition(b"content-length: ")[2].split(b"\r\n")[0])
                await reader.readexactly(size)
            elif b"transfer-encoding: chunked" in low:
                await reader.readuntil(b"0\r\n\r\n")
            nth += 1
            done[0] += 1
        writer.close()

    await asyncio.gather(*(one(number) for number in range(connections)))
    return done[0]
