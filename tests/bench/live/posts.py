"""POSTs over several connections, one after the other on each, and the server that takes them; used by ``web.py`` and ``beside.py``."""

import asyncio
import os
import time
from pathlib import Path
from urllib.parse import urlsplit


def serve(folder, port):
    """What ``twin serve`` runs, until it is ended."""
    from api.serving import listen, run_server
    from twin.settings import ServerSettings

    settings = ServerSettings(city=folder, port=port)
    run_server(settings, listen("127.0.0.1", port), lambda _: None)


def cpu_of(pids):
    """CPU-seconds of processes."""
    total = 0
    for pid in pids:
        try:
            fields = (
                Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
            )
        except OSError:
            continue
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


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
