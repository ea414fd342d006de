"""Single files of a tiles folder renewed together: all of them, or, after a kill at any moment, all of them later.

New files lie in a folder, by number, with a list of their names and of those that go. Giving that folder its second name
is the moment from which the patch holds: whoever comes next carries it out to the end (:func:`recover`). A file is
replaced in one step, so readers see the old or the new one; the manifest is the last.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from tiles.folder import MANIFEST, Pending, manifest_bytes, read_manifest, remember_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["commit", "recover"]

INDEX = "index.json"


def commit(pending: Pending, out: Path, layers: Mapping[str, Any]) -> None:
    """Put files in place.

    Parameters
    ----------
    pending : Pending
        What is new, and the paths of files that go.
    out : Path
        The tiles folder.
    layers : mapping
        Entries of the manifest that change.
    """
    whole = {**read_manifest(out), **layers}
    remember_manifest(out, whole, Path(pending.add(MANIFEST, manifest_bytes(whole))))
    index = {"files": pending.names, "gone": pending.gone}
    with open(f"{pending.path}/{INDEX}", "wb", buffering=0) as file:  # noqa: PTH123
        file.write(orjson.dumps(index))
    os.rename(pending.path, _pending(out))  # noqa: PTH104
    _carry_out(_pending(out), out, index)


def recover(out: Path) -> None:
    """Carry out a patch that holds; nothing where there is none."""
    folder = _pending(out)
    try:
        with open(f"{folder}/{INDEX}", "rb") as file:  # noqa: PTH123
            index = orjson.loads(file.read())
    except FileNotFoundError:
        if folder.is_dir():  # the list is the last to go
            folder.rmdir()
        return
    _carry_out(folder, out, index)


def _carry_out(folder: Path, out: Path, index: dict[str, list[str]]) -> None:
    """Every step may have been done before."""
    for i, name in enumerate(index["files"]):
        try:
            os.replace(f"{folder}/{i}", f"{out}/{name}")  # noqa: PTH105 - many files
        except FileNotFoundError:
            if os.path.exists(f"{folder}/{i}"):  # noqa: PTH110
                (out / name).parent.mkdir(parents=True, exist_ok=True)
                os.replace(f"{folder}/{i}", f"{out}/{name}")  # noqa: PTH105
    for name in index["gone"]:
        (out / name).unlink(missing_ok=True)
    os.unlink(f"{folder}/{INDEX}")  # noqa: PTH108
    folder.rmdir()


def _pending(out: Path) -> Path:
    return out.with_name(f".{out.name}.patch")
