"""Whether the compiled code of this package stands ready on this machine, and when it pays to ask it.

The compiler keeps what it made beside the sources; making it takes a minute or two, loading it a
second. So a process asks the reference until that no longer pays: soon where the code is made,
late where it would have to be made first. `python -m address.kernel` makes it.
"""

import fcntl
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache, partial
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

__all__ = [
    "COLUMN", "CUT", "SINGLE", "is_made", "make", "making", "note_made", "only_maker", "pays",
    "stamp",
]  # fmt: skip

SINGLE: Final = "single"
"""Matching one text."""
COLUMN: Final = "column"
"""Matching a column of texts."""
CUT: Final = "cut"
"""Parsing without a gazetteer."""

SOON: Final = {SINGLE: 400, COLUMN: 400, CUT: 64}
"""Texts that the reference answers in the time that loading takes."""
LATE: Final = 40_000
"""Texts that it answers in a good part of the time that making takes."""

MIRRORED: Final = (
    "arena",
    "descend",
    "grammar",
    "match",
    "model",
    "repair",
    "segment",
    "tails",
    "walk",
)
"""Modules whose functions or constants are in the compiled code."""


_compiler = lru_cache(maxsize=1)(partial(version, "numba"))  # it reads a file


@lru_cache(maxsize=1)
def stamp() -> str:
    """Checksum of the sources the compiled code is made of, as a name."""
    crc, here = 0, Path(__file__).parent
    sources = (*sorted((here / "kernel").glob("*.py")), *(here / f"{name}.py" for name in MIRRORED))
    for source in sources:
        crc = zlib.crc32(source.read_bytes(), crc)
    return f"sources_{crc:08x}"


def _note(what: str) -> Path:
    """The file that says so, where the compiler keeps its own."""
    kept = os.environ.get("NUMBA_CACHE_DIR")
    folder = Path(kept) if kept else Path(__file__).parent / "kernel" / "__pycache__"
    if not kept and folder.exists() and not os.access(folder, os.W_OK):
        folder = Path.home() / ".cache" / "citytwin"
    return folder / f"made-{what}-{stamp()}-{_compiler()}"


def is_made(what: str) -> bool:
    """Whether `what` needs only be loaded."""
    return _note(what).is_file()


def note_made(what: str) -> None:
    """Tell later processes that `what` is made; where nothing can be written they make it again."""
    note = _note(what)
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        note.touch()


@contextmanager
def making(what: str) -> Iterator[None]:
    """Time in which `what` is made, if need be: other processes that need it wait and then load it."""
    if is_made(what):
        yield
        return
    with _lock(f"making-{what}", fcntl.LOCK_EX):
        if not any(is_made(each) for each in SOON):
            _forget()
        yield


def _forget() -> None:
    """Remove what was made of other sources.

    The compiler looks at the file of a function alone, not at those whose constants and functions
    went into it.
    """
    kept = os.environ.get("NUMBA_CACHE_DIR")
    folders = (
        Path(kept).glob("kernel_*") if kept else [Path(__file__).parent / "kernel/__pycache__"]
    )
    for folder in folders:
        for made in (*folder.glob("*.nbi"), *folder.glob("*.nbc")):
            with suppress(OSError):
                made.unlink()


@contextmanager
def only_maker() -> Iterator[bool]:
    """Whether no other process of this machine is making everything; none begins while this lasts."""
    with _lock("making", fcntl.LOCK_EX | fcntl.LOCK_NB) as ours:
        yield ours


@contextmanager
def _lock(name: str, how: int) -> Iterator[bool]:
    """A lock beside the compiled code, gone with its process; where none can be kept, nobody waits."""
    path = _note(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError:
        yield True
        return
    with file:
        try:
            fcntl.flock(file, how)
            ours = True
        except BlockingIOError:
            ours = False
        yield ours


def pays(what: str, asked: int) -> bool:
    """Whether it pays to load, or to make and load, the compiled code after so many texts."""
    return asked >= LATE or (asked >= SOON[what] and is_made(what))


def make() -> None:
    """Make all of it now, on one core; a minute or more where nothing is made yet."""
    import pyarrow as pa  # these load a compiler, which who only asks `pays` does without

    from address.batch import match_batch
    from address.index import AddressIndex
    from address.parse import parse, warm
    from twin.schema import ADDRESSES

    levels = {"province": "省", "city": "市", "county": "县", "road": "路", "road_no": "1号"}
    place = {"full": "省市县路1号", "lon": 114.0, "lat": 30.0}
    names = [field.name for field in ADDRESSES]
    table = pa.table({name: [(levels | place).get(name)] for name in [*names, "lon", "lat"]})
    with TemporaryDirectory() as folder:
        path = Path(folder) / "one.addresses"
        AddressIndex.build([table]).save(path)
        index = AddressIndex.open(path)
        warm()
        parse("路1号")
        index.warm()
        match_batch(index, pa.array(["路1号", "路2号"]))
