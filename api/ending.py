"""How a command ends: what goes wrong outside the program, in one sentence, and the exit code that says so."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from twin.errors import TwinError

__all__ = ["CANNOT", "INTERRUPTED", "plain_endings", "sentence"]

CANNOT: Final = 2
"""Exit code: cannot do it, with the reason."""

INTERRUPTED: Final = 130
"""Exit code of a command that was stopped with Ctrl-C, as shells count it."""

STOPPED: Final = (
    "stopped. What was finished is kept whole, what was not is left out; "
    "the same command again goes on from there."
)
REMEDIES: Final = {
    errno.EACCES: "this account may not do that here; choose a folder of your own, or change the rights",
    errno.EPERM: "this account may not do that here; choose a folder of your own, or change the rights",
    errno.EROFS: "the file system is read-only; choose a folder on another one",
    errno.ENOSPC: "the disk is full; make room, then run the same command again",
    errno.EDQUOT: "the disk quota is used up; make room, then run the same command again",
    errno.ENOENT: "there is no such file or folder; check the path",
    errno.ENOTDIR: "a part of the path is a file, not a folder; check the path",
    errno.EISDIR: "a folder stands where a file is expected; check the path",
    errno.EMFILE: "too many files are open; raise the limit (ulimit -n), then run it again",
}


@contextmanager
def plain_endings() -> Iterator[None]:
    """End the process with a sentence on standard error instead of a traceback.

    Covers what citytwin raises on purpose, what the operating system refuses (rights, full disks,
    paths), and Ctrl-C. Anything else is a defect and keeps its traceback.

    Raises
    ------
    SystemExit
        With 2 where the command cannot be done, 130 where it was interrupted.
    """
    try:
        yield
    except TwinError as error:
        _end(str(error), CANNOT)
    except OSError as error:
        if error.filename is None:
            _silence_output()
        _end(sentence(error), CANNOT)
    except SystemExit as end:
        if end.code == INTERRUPTED:  # the command line turned a KeyboardInterrupt into this
            _end(STOPPED, INTERRUPTED)
        raise
    except RuntimeError as error:
        # A statement of the base that Ctrl-C ends raises "Query interrupted" in its place.
        if not isinstance(error.__cause__ or error.__context__, KeyboardInterrupt):
            raise
        _end(STOPPED, INTERRUPTED)


def sentence(error: OSError) -> str:
    """What the operating system refused, where, and what to do.

    Examples
    --------
    >>> sentence(PermissionError(13, "Permission denied", "city/assets"))
    'city/assets: this account may not do that here; choose a folder of your own, or change the rights.'
    """
    where = "the output" if error.filename is None else str(error.filename)
    what = REMEDIES.get(error.errno or 0, error.strerror or str(error))
    return f"{where}: {what}."


def _end(words: str, code: int) -> None:
    sys.stderr.write(f"✗ {words}\n")
    raise SystemExit(code)


def _silence_output() -> None:
    """Nothing more can be written there: the interpreter's last flush would only complain again."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.close(quiet)
