"""Single files of a tiles folder renewed together: all of them, or, after a kill at any moment, all of them later.

New files lie in a folder with a list of those that go. Giving that folder its second name is the moment from which the
patch holds: whoever comes next carries it out to the end (:func:`recover`). A file is replaced in one step, so
readers see the old or the new one.
"""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import orjson

from tiles.folder import MANIFEST, read_manifest, write_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

__all__ = ["commit", "recover"]

GONE = "gone.json"


def commit(folder: Path, out: Path, gone: Sequence[str], layers: Mapping[str, Any]) -> None:
    """Put files in place.

    Parameters
    ----------
    folder : Path
        New files by their path in the tiles folder, on the same file system.
    out : Path
        The tiles folder.
    gone : sequence of str
        Paths of files that go.
    layers : mapping
        Entries of the manifest that change.
    """
    (folder / GONE).write_bytes(orjson.dumps(list(gone)))
    write_manifest(folder, {**read_manifest(out), **layers})
    folder.rename(_pending(out))
    recover(out)


def recover(out: Path) -> None:
    """Carry out a patch that holds; nothing where there is none."""
    folder, done = _pending(out), out.with_name(f".{out.name}.done")
    shutil.rmtree(done, ignore_errors=True)
    if not folder.is_dir():
        return
    gone = orjson.loads((folder / GONE).read_bytes())
    own = {GONE, MANIFEST}
    root = len(str(folder)) + 1
    for home, _, names in os.walk(folder):
        target = os.path.join(out, home[root:])  # noqa: PTH118 - many files
        os.makedirs(target, exist_ok=True)  # noqa: PTH103
        for name in names:
            if name not in own or len(home) >= root:
                os.replace(f"{home}/{name}", f"{target}/{name}")  # noqa: PTH105
    for name in gone:
        (out / name).unlink(missing_ok=True)
    # the manifest last, and by copy: a run that is killed before the folder is gone starts over
    shutil.copyfile(folder / MANIFEST, out / f"{MANIFEST}.new")
    (out / f"{MANIFEST}.new").replace(out / MANIFEST)
    folder.rename(done)  # in one step: half of a list is no list
    shutil.rmtree(done)


def _pending(out: Path) -> Path:
    return out.with_name(f".{out.name}.patch")
