"""One OSGB file as text by ``osgconv``, and what stands in it."""

import base64
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.errors import SourceError

__all__ = ["Mesh", "Node", "read_node"]

SECONDS = 60
"""Time one file may take."""
MOST_BYTES = 1 << 30
_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\{)|(\})|([^\s{}"]+)', re.S)


@dataclass(frozen=True, slots=True)
class Mesh:
    """Triangles of one texture: (n, 3) local metres, (n, 2) texture coordinates or None, (m, 3) indices; pixels RGB or None."""

    positions: NDArray[np.float32]
    uv: NDArray[np.float32] | None
    triangles: NDArray[np.uint32]
    texture: NDArray[np.uint8] | None


@dataclass(slots=True)
class Node:
    """What one file holds, and the finer files it leads to."""

    meshes: list[Mesh] = field(default_factory=list)
    finer: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)


def read_node(path: Path, osgconv: str, work: Path) -> Node:
    """Convert one file and read it.

    Parameters
    ----------
    path : Path
    osgconv : str
        The program.
    work : Path
        A folder for the text in between.

    Raises
    ------
    SourceError
        If the program fails, takes too long or writes nothing.
    """
    out = work / "node.osgt"
    out.unlink(missing_ok=True)
    try:
        done = subprocess.run(  # noqa: S603 -- our own arguments, no shell
            [osgconv, "-O", "Precision=9", str(path.resolve()), str(out)],
            capture_output=True, timeout=SECONDS, check=False, cwd=work,
        )  # fmt: skip
    except subprocess.TimeoutExpired as err:
        raise SourceError(path, f"osgconv took longer than {SECONDS} s") from err
    if done.returncode != 0 or not out.is_file():
        told = (done.stderr or done.stdout).decode("utf-8", "replace").strip()[-200:]
        raise SourceError(path, f"osgconv cannot read it: {told or 'no output'}")
    if out.stat().st_size > MOST_BYTES:
        raise SourceError(path, "is too large as text")
    return _node(_parsed(out.read_text(encoding="utf-8", errors="replace")))


Item = Any
"""A word, a text in quotes as (text,), or a block as a list of items."""


def _parsed(text: str) -> list[Item]:
    """The nested blocks of an .osgt file; comment lines are left out."""
    body = re.sub(r"^#.*$", "", text, flags=re.M)
    root: list[Item] = []
    stack = [root]
    for quoted, opens, closes, word in _TOKEN.findall(body):
        if opens:
            block: list[Item] = []
            stack[-1].append(block)
            stack.append(block)
        elif closes:
            if len(stack) > 1:
                stack.pop()
        elif word:
            stack[-1].append(word)
        else:
            stack[-1].append((quoted,))
    return root


def _blocks(items: list[Item], name: str) -> Iterator[list[Item]]:
    """Blocks behind a word, at any depth, without going into those found."""
    for at, item in enumerate(items):
        if isinstance(item, list):
            if _head(items, at) == name:
                yield item
            else:
                yield from _blocks(item, name)


def _head(items: list[Item], at: int) -> str | None:
    """The name of a block: the last word before it that is no number and not TRUE."""
    for item in reversed(items[max(0, at - 4) : at]):
        if isinstance(item, str) and item != "TRUE" and not re.fullmatch(r"[-+\d.eE]+", item):
            return item
        if isinstance(item, list):
            return None
    return None


def _node(root: list[Item]) -> Node:
    node = Node()
    for block in _blocks(root, "RangeDataList"):
        node.finer += [i[0] for i in block if isinstance(i, tuple) and i[0]]
    node.finer = list(dict.fromkeys(node.finer))
    images: dict[str, list[Item]] = {}
    for geometry in _blocks(root, "osg::Geometry"):
        mesh = _mesh(geometry, images, node.left_out)
        if mesh is not None:
            node.meshes.append(mesh)
    return node


def _vector(block: list[Item], width: int) -> NDArray[np.float64] | None:
    for numbers in _blocks(block, "vector"):
        values = np.array([i for i in numbers if isinstance(i, str)], dtype=np.float64)
        return values.reshape(-1, width) if len(values) % width == 0 else None
    return None


def _mesh(geometry: list[Item], images: dict[str, list[Item]], left_out: list[str]) -> Mesh | None:
    positions = next((_vector(b, 3) for b in _blocks(geometry, "VertexArray")), None)
    if positions is None or not len(positions):
        left_out.append("a geometry without positions")
        return None
    uv = next((_vector(b, 2) for b in _blocks(geometry, "TexCoordArrayList")), None)
    triangles = [t for b in _blocks(geometry, "PrimitiveSetList") for t in _primitives(b, left_out)]
    if not triangles:
        left_out.append("a geometry without triangles")
        return None
    joined = np.concatenate(triangles).astype(np.uint32)
    if len(joined) and int(joined.max()) >= len(positions):
        left_out.append("a geometry whose indices lead beyond its positions")
        return None
    texture = None
    for block in _blocks(geometry, "Image"):
        texture = _image(block, images, left_out)
    matching = uv is not None and len(uv) == len(positions)
    return Mesh(
        positions.astype(np.float32), uv.astype(np.float32) if matching and uv is not None else None, joined, texture
    )  # fmt: skip


def _primitives(block: list[Item], left_out: list[str]) -> Iterator[NDArray[np.int64]]:
    for at, item in enumerate(block):
        if not isinstance(item, list):
            continue
        kind = _head(block, at) or ""
        mode = item[item.index("Mode") + 1] if "Mode" in item else "TRIANGLES"
        if kind.startswith("osg::DrawElements"):
            numbers = next((b for b in _blocks(item, "vector")), [])
            indices = np.array([i for i in numbers if isinstance(i, str)], dtype=np.int64)
        elif kind == "osg::DrawArrays":
            first, count = (int(item[item.index(n) + 1]) for n in ("First", "Count"))
            indices = np.arange(first, first + count)
        else:
            left_out.append(f"primitives of kind {kind}")
            continue
        if mode == "TRIANGLES" and len(indices) % 3 == 0:
            yield indices.reshape(-1, 3)
        elif mode == "TRIANGLE_STRIP" and len(indices) >= 3:
            strip = np.column_stack([indices[:-2], indices[1:-1], indices[2:]])
            strip[1::2] = strip[1::2, ::-1]
            yield strip
        elif mode == "TRIANGLE_FAN" and len(indices) >= 3:
            yield np.column_stack([np.full(len(indices) - 2, indices[0]), indices[1:-1], indices[2:]])  # fmt: skip
        else:
            left_out.append(f"{mode} of {len(indices)} points")


def _image(
    block: list[Item], images: dict[str, list[Item]], left_out: list[str]
) -> NDArray[np.uint8] | None:
    """Pixels of an image (rows from the bottom up in the file, from the top down here); a shared one is found by its id."""
    key = block[block.index("UniqueID") + 1] if "UniqueID" in block else ""
    if "Data" in block:
        images[key] = block
    block = images.get(key, block)
    try:
        cols, rows = int(block[block.index("Size") + 1]), int(block[block.index("Size") + 2])
        form = block[block.index("PixelFormat") + 1]
        bands = {"6407": 3, "6408": 4, "6409": 1, "32992": 3, "32993": 4}[form]
        data = next(iter(_blocks(block, "Data")))
        raw = base64.b64decode("".join(i[0] for i in data if isinstance(i, tuple)))
        packing = int(block[block.index("Packing") + 1]) if "Packing" in block else 1
        stride = -(-cols * bands // packing) * packing
        pixels = np.frombuffer(raw, np.uint8, rows * stride).reshape(rows, stride)[
            :, : cols * bands
        ]
    except (KeyError, ValueError, IndexError, StopIteration):
        left_out.append("a texture that is compressed or lies elsewhere")
        return None
    image = pixels.reshape(rows, cols, bands)[::-1]
    image = image[..., [2, 1, 0]] if form in ("32992", "32993") else image
    return np.ascontiguousarray(image[..., :3] if bands >= 3 else np.repeat(image, 3, axis=2))
