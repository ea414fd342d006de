"""Whether a tileset is what it claims: files, boxes, geometric errors, ids."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from tiles.check_glb import BadTileError, Content, read_content
from tiles.check_implicit import Implicit, outside, within
from tiles.findings import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Cell = tuple[int, int, int]

__all__ = ["TilesetCheck"]

TOLERANCE_M = 0.002


@dataclass(slots=True)
class TilesetCheck:
    """Walks a tileset and everything it refers to.

    ``eid`` collects the file each entity was found in; ``findings`` what is wrong.
    """

    out: Path
    findings: list[Finding] = field(default_factory=list)
    eid: dict[str, str] = field(default_factory=dict)
    tiles: int = 0
    stand_in: bool = False
    """Whether the tile at hand is replaced by those below it, so that its entities are drawn again."""
    waiting: bool = False
    """Whether the tile at hand stands below one that is replaced by several, so that some may be there before others."""
    replaced: list[str] = field(default_factory=list)
    unread: int = 0

    def run(self, path: Path) -> None:
        """Check a ``tileset.json``."""
        self._page(path, np.eye(4), [], np.inf)

    def _report(self, path: Path, rule: str, message: str) -> None:
        self.findings.append(Finding(path.relative_to(self.out).as_posix(), rule, message))

    def _page(self, path: Path, matrix: Floats, boxes: list[Floats], error: float) -> int:
        try:
            document = orjson.loads(path.read_bytes())
            root, whole = document["root"], float(document["geometricError"])
            version = document["asset"]["version"]
        except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as err:
            self._report(path, "tileset-json", f"not a tileset: {err!r}")
            return 0
        if version != "1.1":
            self._report(path, "tileset-version", f"version {version}, expected 1.1")
        return self._tile(path, root, matrix, boxes, min(error, whole))

    def _tile(
        self, path: Path, tile: dict[str, Any], parent: Floats, above: list[Floats], error: float
    ) -> int:
        """Check a tile and what is below; the number of buildings it shows when all is refined."""
        self.tiles += 1
        try:
            own = float(tile["geometricError"])
            matrix = parent @ _matrix(tile)
            volume = tile["boundingVolume"]
            region = np.array(volume["region"], dtype=float) if "region" in volume else None
            box = None if region is not None else _placed(_numbers(volume), matrix)
        except (KeyError, TypeError, ValueError) as err:
            self._report(path, "tile-json", f"not a tile: {err!r}")
            return 0
        if not 0.0 <= own <= error:
            text = f"geometric error {own} under one of {error}: it has to fall towards the leaves"
            self._report(path, "error-rises", text)
        if (
            not tile.get("children")
            and "implicitTiling" not in tile
            and tile.get("content", {}).get("uri", "").endswith(".glb")
            and own
        ):
            self._report(path, "leaf-error", f"a leaf leaves out nothing, but its error is {own}")
        if "implicitTiling" in tile:
            return self._implicit(path, tile, region, matrix, above, own)
        if box is None:
            self._report(path, "tile-json", "a region, which only implicit roots have here")
            return 0
        boxes = [*above, box]
        self.stand_in = tile.get("refine") == "REPLACE" and bool(tile.get("children"))
        self.replaced = []
        shown = massed = 0
        if "content" in tile:
            shown, massed = self._content(path, tile["content"], matrix, boxes, own)
        self.stand_in, wanted = False, self.replaced
        waiting, children = self.waiting, tile.get("children", ())
        self._early(path, tile)
        self.waiting |= self._drawing(tile, "REPLACE") and len(children) > 1
        below = sum(self._tile(path, c, matrix, boxes, own) for c in children)
        self.waiting = waiting
        lost = [e for e in wanted if e not in self.eid]
        if lost:
            text = f"{len(lost)} entities are gone when it is replaced, the first {lost[0]}"
            self._report(path, "replaced-lost", text)
        if massed:
            self._replaced(path, tile["content"]["uri"], tile.get("refine"), massed, below)
        return below if wanted else shown + below

    @staticmethod
    def _drawing(tile: dict[str, Any], refine: str) -> bool:
        """Whether a tile has something to draw and refines in this way."""
        uri = tile.get("content", {}).get("uri", "")
        return bool(uri.endswith(".glb") and tile.get("refine") == refine)

    def _early(self, path: Path, tile: dict[str, Any]) -> None:
        """CesiumJS draws a tile that adds as soon as it is there, also while what it replaces still stands."""
        if self.waiting and self._drawing(tile, "ADD"):
            text = f"{tile['content']['uri']} adds below a tile that is replaced by several: both are drawn at once"
            self._report(path, "drawn-early", text)

    def _replaced(self, path: Path, name: str, refine: Any, massed: int, below: int) -> None:  # noqa: ANN401 - as a file has it
        """A massing stands for what replaces it: no less (a hole), no more (drawn twice)."""
        if self.unread:
            return  # nothing can be counted
        if refine != "REPLACE" or massed != below:
            text = f"{name} stands for {massed} buildings, what replaces it has {below} ({refine})"
            self._report(path, "massing-count", text)

    def _content(
        self, path: Path, content: dict[str, Any], matrix: Floats, boxes: list[Floats], error: float
    ) -> tuple[int, int]:
        """Check a content; buildings it shows, and buildings its massing stands for."""
        target = self._file(path, content["uri"])
        if target is None:
            return 0, 0
        if target.suffix == ".json":
            return self._page(target, matrix, boxes, error if error else np.inf), 0
        found = self._read(target)
        if found is None:
            return 0, 0
        if "boundingVolume" in content:
            boxes = [*boxes, _placed(_numbers(content["boundingVolume"]), matrix)]
        self._inside(target, found.points @ matrix[:3, :3].T + matrix[:3, 3], boxes)
        self._ids(target, found.eid)
        return len(found.eid), found.stands_for

    def _file(self, path: Path, uri: str) -> Path | None:
        """A file a tileset refers to; None where it is missing or lies outside of the folder."""
        target = (path.parent / uri).resolve()
        if not target.is_file() or not target.is_relative_to(self.out.resolve()):
            self._report(path, "content-missing", f"{uri} does not exist")
            self.unread += 1
            return None
        return self.out / target.relative_to(self.out.resolve())

    def _read(self, target: Path) -> Content | None:
        """A content; None where it is none."""
        try:
            return read_content(target.read_bytes())
        except BadTileError as err:
            self._report(target, err.rule, str(err))
        except (KeyError, IndexError, TypeError) as err:
            self._report(target, "glb-structure", f"a part is missing: {err!r}")
        self.unread += 1
        return None

    def _implicit(
        self, path: Path, tile: dict[str, Any], region: Floats | None, matrix: Floats,
        above: list[Floats], error: float,
    ) -> int:  # fmt: skip
        """The tiles below an implicit root: every content strictly inside its part of the region, no holes."""
        if region is None or error <= 0:
            self._report(path, "implicit-root", "an implicit root needs a region and an error")
            return 0
        root = Implicit(tile["implicitTiling"], tile["content"]["uri"])
        cells = root.contents(path.parent)
        for message in root.faults:
            self._report(path, "subtree", message)
        shown: dict[Cell, int] = {}
        massed: dict[Cell, int] = {}
        for cell in cells:
            self.tiles += 1
            target = self._file(path, root.name(root.template, cell))
            found = None if target is None else self._read(target)
            if target is None or found is None:
                continue
            points = found.points @ matrix[:3, :3].T + matrix[:3, 3]
            beyond = outside(points, region, cell)
            if beyond > TOLERANCE_M:
                self._report(
                    target, "outside-box", f"a vertex lies {beyond:.3f} m outside its cell"
                )
            self._inside(target, points, above)
            self._ids(target, found.eid)
            shown[cell], massed[cell] = len(found.eid), found.stands_for
        for cell, count in massed.items():
            if count:
                below = sum(n for c, n in shown.items() if within(c, cell))
                name = root.name(root.template, cell)
                self._replaced(path, name, tile.get("refine"), count, below)
        if tile.get("refine") == "REPLACE":
            for cell in sorted(root.tiles - set(cells)):
                self._report(path, "hole", f"{root.name(root.template, cell)} shows nothing")
        return sum(shown.values())

    def _inside(self, path: Path, points: Floats, boxes: list[Floats]) -> None:
        """Every vertex lies in the tile's box, its content's box, and those of all tiles above."""
        for depth, box in enumerate(reversed(boxes)):
            half = np.linalg.norm(box[1:], axis=1)
            axes = box[1:] / np.maximum(half, 1e-12)[:, None]
            beyond = float((np.abs((points - box[0]) @ axes.T) - half).max())
            if beyond > TOLERANCE_M:
                text = f"a vertex lies {beyond:.3f} m outside the box {depth} levels up"
                self._report(path, "outside-box", text)
                return

    def _ids(self, path: Path, eid: list[str]) -> None:
        name = path.relative_to(self.out).as_posix()
        if self.stand_in:
            self.replaced = eid
            return
        twice = [e for e in eid if e in self.eid]
        if twice or len(set(eid)) < len(eid):
            which = twice[0] if twice else "one in the same tile"
            self._report(path, "eid-twice", f"{which} was drawn before in {self.eid.get(which)}")
        self.eid.update(dict.fromkeys(eid, name))


def _matrix(tile: dict[str, Any]) -> Floats:
    numbers = np.array(tile.get("transform", np.eye(4).ravel()), dtype=float)
    return numbers.reshape(4, 4).T


def _numbers(volume: dict[str, Any]) -> Floats:
    return np.array(volume["box"], dtype=float).reshape(4, 3)


def _placed(box: Floats, matrix: Floats) -> Floats:
    """A box (centre and three half axes, rows) in ECEF."""
    out = box @ matrix[:3, :3].T
    out[0] += matrix[:3, 3]
    return out
