"""The server of ``twin serve``, as a process that is meant to be killed: ``serving_web.py FOLDER PORT``.

Forked off as in ``serving.py``. With ``FORGETFUL=1`` it keeps no events: the control that a test of resuming must notice.
"""

import os
import sys
from pathlib import Path

from api.serving import listen, run_server, server_settings
from twin.live.journal import Journal


def main(folder, port):
    settings = server_settings(Path(folder), "127.0.0.1", int(port), simulate=False)
    run_server(settings, listen("127.0.0.1", int(port)), lambda _: None)


if __name__ == "__main__":
    if os.environ.get("FORGETFUL"):
        Journal.append = lambda *_: None
    child = 0
    for _ in sys.stdin:
        if child:
            os.waitpid(child, 0)
        child = os.fork()
        if not child:
            main(*sys.argv[1:])
            break
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
