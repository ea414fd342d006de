"""The address tree as flat arrays in one file: mapped by every process, read by compiled loops.

Rows run level by level of the tree (breadth first): the roots, then the children of row 0, of row
1 and so on, so the children of a node are one slice. Among siblings the order is that of the
vocabulary (level, then text), then of the id. The order of the source never matters.

Sections (``n`` rows, of which ``meta["nodes"]`` are used and the rest, `SPARE` of them, wait for
nodes inserted later; ``v`` words of the vocabulary, ``w`` written names, ``s`` states, ``m`` names):

==================  ========  =============================================================
``parent``          int32     (n,) row of the parent, -1 for a root
``first``           int32     (n + 2,) children of row r are rows ``first[r + 1]`` up to
                              ``first[r + 2]``; r = -1 gives the roots
``level``           uint8     (n,) ``address.model.RANK``; 0 for a spare row
``core``            uint32    (n,) word of the vocabulary, ascending among siblings
``written``         uint32    (n,) name as written
``flags``           uint8     (n,) `RETIRED`, `EDITED`, `RENAMED`, `MOVED`, `PLACED`, `PLANNED`,
                              `WHOLE`, `SILENT`
``ident``           uint64    (n,) the id where ids are 16 hex digits, else its rank among the ids
``by_ident``        int32     rows of the build in order of id
``lon``, ``lat``    float64   (n,) degrees, EPSG:4490: own place, else middle of what lies below;
                              NaN where neither
``z``               float64   (n,) metres above the ellipsoid, own; NaN where unknown
``spread_m``        float64   (n,) from the middle to the farthest part; 0 with an own place
``word_start``      uint32    (v + 2,) text of word c is ``word_points[word_start[c]:
                              word_start[c + 1]]``; words count from 1, 0 is none
``word_points``     uint32    code points
``word_level``      uint8     (v + 1,)
``word_hash``       uint64    (v + 1,) `address.walk.word_hash` of level and text
``word_slots``      uint32    open table over ``word_hash``, a power of two long; 0 is empty
``written_start``   uint32    (w + 1,) and ``written_text`` uint8: UTF-8
``step_key``        uint64    open table of the names' prefix tree, a power of two long:
                              ``(state << 21 | code point) + 1``, 0 is empty; state 0 is the root
``step_next``       uint32    state reached
``state_name``      int32     (s,) name that ends in this state, -1 where none does
``name_start``      uint32    (m + 1,) rows of name k are ``name_rows[name_start[k]:
                              name_start[k + 1]]``, in order of id
``name_rows``       int32     rows that go by the name
``name_level``      uint8     (m,) level of the first of them
==================  ========  =============================================================

Further sections are told of by the modules that fill them (`address.tails`, `address.repair`,
`address.doors`); a
text column ``x`` is ``x_start`` uint32 (nodes + 1,) and ``x_text`` uint8, absent where it is all
null.

A file is never written to after it was put in place. Edits go to a log beside it and, in each
process that has it open, to private copies of the pages of the sections in `NODE`: flags of nodes
that changed, the spare rows, places of ancestors. What is found by the slices of ``first`` or by
the prefix tree is the whole truth only where no node that is met has one of the flags in `CHANGED`,
and where no name added since stands in the text; compiled code hands over to the Python path there.
"""

import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from twin.errors import SourceError

__all__ = [
    "CHANGED",
    "EDITED",
    "FORMAT",
    "MOVED",
    "NODE",
    "PLACED",
    "PLANNED",
    "RENAMED",
    "RETIRED",
    "SILENT",
    "SPARE",
    "WHOLE",
    "Arena",
]

FORMAT = 1
"""Version of the layout; a file of another version is refused and built again."""

RETIRED = 1
"""Flag: the node was taken out after the build."""
EDITED = 2
"""Flag: a child was added to or taken from the node after the build (or given another name): the
slice of its children is not the whole truth."""
PLACED = 4
"""Flag: the node has a place of its own."""
PLANNED = 8
"""Flag: status ``planned``."""
WHOLE = 16
"""Flag: the node's name is its whole standard string."""
SILENT = 32
"""Flag: the node adds nothing to the standard string of its parent."""
RENAMED = 64
"""Flag: name and core of the node are no longer those of the build."""
MOVED = 128
"""Flag: the place of the node, or of its parent, is no longer that of the build."""
CHANGED = RETIRED | EDITED | RENAMED
SPARE = 4096
"""Rows kept free for insertions between two builds."""
NODE = frozenset(
    ("parent", "level", "core", "written", "flags", "ident", "lon", "lat", "z", "spread_m")
)
"""Sections a process may write to, for itself."""

_MAGIC = b"CTADDR\r\n"
_ALIGN = 64
_FRONT = 24  # magic, version, length and checksum of the header, all little-endian

Array = npt.NDArray[Any]


class Arena:
    """Named arrays over one block of memory.

    Attributes
    ----------
    meta : dict
        ``nodes``, ``edition``, ``hex_ids`` and what the builder adds.
    arrays : dict of str to ndarray
        Read-only but for those in `NODE`, which are private to the process.
    path : Path or None
        The file, None in memory.
    identity : str
        Checksum of header and sections of the file.

    Examples
    --------
    >>> arena = Arena({"first": np.array([0, 0], np.int32), "flags": np.zeros(1, np.uint8)}, {})
    >>> arena["first"].tolist(), arena["first"].flags.writeable
    ([0, 0], False)
    """

    def __init__(
        self,
        arrays: Mapping[str, Array],
        meta: Mapping[str, Any],
        path: Path | None = None,
        identity: str = "",
    ) -> None:
        self.meta = dict(meta)
        self.path = path
        self.identity = identity
        self.arrays: dict[str, Array] = {}
        for name, array in arrays.items():
            kept = np.ascontiguousarray(array)
            if name not in NODE and kept.flags.writeable:
                kept = kept.view()
                kept.flags.writeable = False
            self.arrays[name] = kept

    def __getitem__(self, name: str) -> Array:
        return self.arrays[name]

    def __contains__(self, name: str) -> bool:
        return name in self.arrays

    def save(self, path: Path) -> None:
        """Write the file whole, then put it in its place.

        Parameters
        ----------
        path : Path
            A reader that has the old file mapped keeps it; the next one to open sees the new.
        """
        table: dict[str, dict[str, Any]] = {}
        offset = 0
        for name in sorted(self.arrays):
            array = self.arrays[name]
            table[name] = {
                "dtype": array.dtype.str,
                "count": int(array.shape[0]),
                "offset": offset,
                "crc": zlib.crc32(array.view(np.uint8).data),
            }
            offset += -(-array.nbytes // _ALIGN) * _ALIGN
        head = json.dumps(
            {"meta": self.meta, "sections": table, "bytes": offset}, sort_keys=True
        ).encode()
        head += b" " * (-(_FRONT + len(head)) % _ALIGN)
        part = path.with_name(f"{path.name}.{os.getpid()}.part")
        try:
            with part.open("wb") as sink:
                sink.write(_MAGIC)
                sink.write(np.array([FORMAT, len(head)], "<u4").tobytes())
                sink.write(np.array([zlib.crc32(head), 0], "<u4").tobytes())
                sink.write(head)
                for name in sorted(self.arrays):
                    raw = self.arrays[name].view(np.uint8)
                    sink.write(raw.data)
                    sink.write(b"\0" * (-len(raw) % _ALIGN))
                sink.flush()
                os.fsync(sink.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    @classmethod
    def open(cls, path: Path, verify: bool = False) -> "Arena":
        """Map a file.

        Parameters
        ----------
        path : Path
        verify : bool
            Read every byte and compare the checksums; otherwise header and length are checked.

        Raises
        ------
        SourceError
            The file is absent, cut short, damaged or of another format version.
        """
        sections, meta, start, identity = _header(path)
        mapped = np.memmap(path, np.uint8, "r")
        private = np.memmap(path, np.uint8, "c")
        arrays: dict[str, Array] = {}
        for name, told in sections.items():
            kind = np.dtype(told["dtype"])
            first = start + told["offset"]
            last = first + told["count"] * kind.itemsize
            raw = np.asarray((private if name in NODE else mapped)[first:last])
            if verify and zlib.crc32(raw.data) != told["crc"]:
                raise SourceError(path, f"address index: section {name} is damaged; build it again")
            arrays[name] = raw.view(kind)
        return cls(arrays, meta, path, identity)


def _header(path: Path) -> tuple[dict[str, dict[str, Any]], dict[str, Any], int, str]:
    """Table of sections, meta data, where the sections begin, checksum."""
    try:
        with path.open("rb") as source:
            front = source.read(_FRONT)
            if front[:8] != _MAGIC or len(front) < _FRONT:
                raise SourceError(path, "not an address index")
            version, length, crc, _ = np.frombuffer(front[8:], "<u4").tolist()
            if version != FORMAT:
                raise SourceError(
                    path,
                    f"address index of format {version}, this program reads {FORMAT}: "
                    "build it again",
                )
            head = source.read(length)
            size = os.fstat(source.fileno()).st_size
    except OSError as error:
        raise SourceError(path, f"address index cannot be read: {error.strerror}") from error
    if len(head) != length or zlib.crc32(head) != crc:
        raise SourceError(path, "address index: header is damaged; build it again")
    told = json.loads(head)
    if size < _FRONT + length + told["bytes"]:
        raise SourceError(path, "address index is cut short; build it again")
    return told["sections"], told["meta"], _FRONT + length, f"{crc:08x}"
