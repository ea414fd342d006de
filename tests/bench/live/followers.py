"""Many followers in one process, which count: ``followers.py PORT CLIENTS MARK REQUEST``; used by ``fanout.py``.

Says ``ready`` when each has had its first frame; for every line it is sent it says how many came and its CPU-seconds.
"""

import asyncio
import sys
import time

import uvloop


class Counting(asyncio.Protocol):
    """A follower."""

    total, ready = 0, 0

    def __init__(self, mark):
        self._mark, self._seen = mark, False

    def data_received(self, data):
        n = data.count(self._mark)
        Counting.total += n
        if n and not self._seen:
            self._seen = True
            Counting.ready += 1


async def main(port, clients, mark, request):
    loop = asyncio.get_running_loop()
    for nth in range(clients):
        transport, _ = await loop.create_connection(lambda: Counting(mark), "127.0.0.1", port)
        transport.write(request)
        if nth % 100 == 99:
            await asyncio.sleep(0.02)
    while Counting.ready < clients:
        await asyncio.sleep(0.05)
    say("ready")
    while await loop.run_in_executor(None, sys.stdin.readline):
        say(f"{Counting.total} {time.process_time()}")


def say(line):
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    port, clients, mark, request = sys.argv[1:]
    uvloop.run(main(int(port), int(clients), mark.encode(), request.encode()))
