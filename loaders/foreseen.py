"""The last net under a reader: an exception that nobody foresaw costs the source it came from, and nothing else."""

import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twin.errors import SourceError, TwinError

__all__ = ["DEFECT", "foreseen"]

DEFECT = "that is a defect of citytwin"
"""Words by which such a refusal is told from one that was meant."""
_PANIC = "PanicException"
"""What decoders in Rust raise; it is no Exception, and cannot be imported."""
_ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def foreseen(path: Path) -> Iterator[None]:
    """Let the errors of citytwin pass, and make every other exception one of them.

    Damaged data are the readers' own business: each says what is wrong with a file. What escapes them would end a load
    of a hundred sources because of one, so it is told as a defect, with the place it came from.

    Parameters
    ----------
    path : Path
        The source that is being read.

    Raises
    ------
    SourceError
        In place of whatever is no TwinError.

    Examples
    --------
    >>> with foreseen(Path("a.csv")):
    ...     [][0]
    Traceback (most recent call last):
    twin.errors.SourceError: a.csv: cannot be read: IndexError: list index out of range (elsewhere); that is a defect \
of citytwin, please report it with the file. Other sources are loaded all the same
    """
    try:
        yield
    except TwinError:
        raise
    except BaseException as err:
        if not isinstance(err, Exception) and type(err).__name__ != _PANIC:
            raise
        if isinstance(err.__cause__ or err.__context__, KeyboardInterrupt):
            raise  # a statement of the base that Ctrl-C ended: nobody's defect, and the end of the load
        said = " ".join(str(err).split())[:200]
        raise SourceError(
            path,
            f"cannot be read: {type(err).__name__}: {said} ({_place(err)}); {DEFECT}, please report it with the file. "
            "Other sources are loaded all the same",
        ) from err


def _place(err: BaseException) -> str:
    """The innermost line of citytwin's own code that an exception came through."""
    for frame in reversed(traceback.extract_tb(err.__traceback__)):
        file = Path(frame.filename)
        inside = file.is_relative_to(_ROOT) and "site-packages" not in file.parts
        if inside and file != Path(__file__):
            return f"{file.relative_to(_ROOT)}:{frame.lineno}"
    return "elsewhere"
