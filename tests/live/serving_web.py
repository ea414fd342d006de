"""The server of ``twin serve``, as a process that is meant to be killed: ``serving_web.py FOLDER PORT``.

Forked off as in ``serving.py``. With ``FORGETFUL=1`` it keeps no events: the control that a test of resuming must notice.
"""

import os
from pathlib import Path

from forking import serve_in_forks

from api.serving import listen, run_server, server_settings
from twin.live.journal import Journal


def main(folder, port):
    settings = server_settings(Path(folder), "127.0.0.1", int(port), simulate=False)
    run_server(settings, listen("127.0.0.1", int(port)), lambda _: None)


if __name__ == "__main__":
    if os.environ.get("FORGETFUL"):
        Journal.append = lambda *_: None
    serve_in_forks(main)
