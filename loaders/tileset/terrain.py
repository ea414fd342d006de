"""Quantized-mesh sets: ``layer.json`` and the tiles it promises."""

import re
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from loaders.tileset.content import read_json
from loaders.tileset.members import Members, inside

__all__ = ["TerrainSurvey", "survey_terrain"]

MOST_CHECKED = 200_000
_TILE = re.compile(r"(?:^|/)(\d+)/(\d+)/(\d+)\.terrain(\.gz)?$")


@dataclass(slots=True)
class TerrainSurvey:
    """What a terrain set is; ``box`` is west, south, east, north in degrees."""

    format: str = ""
    levels: tuple[int, int] = (0, 0)
    tiles: int = 0
    packed: int = 0
    missing: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    box: tuple[float, float, float, float] | None = None
    heights: tuple[float, float] | None = None

    def findings(self) -> list[str]:
        """All of it as sentences."""
        out = [f"{self.tiles:,} tiles, levels {self.levels[0]} to {self.levels[1]}, {self.packed:,} of them packed"]  # fmt: skip
        if self.heights is not None:
            out.append(
                f"heights {self.heights[0]:.1f} to {self.heights[1]:.1f} m in the first tiles"
            )
        for texts, what in (
            (self.missing, "tiles are missing"),
            (self.faults, "tiles are damaged"),
        ):
            if texts:
                out.append(f"{len(texts):,} {what}: {', '.join(texts[:5])}" + (" …" if len(texts) > 5 else ""))  # fmt: skip
        return out


def survey_terrain(members: Members, entry: str) -> TerrainSurvey:
    """Read ``layer.json``, count the tiles and check that those it promises are there.

    Raises
    ------
    ValueError
        If the document describes no terrain.
    """
    document = read_json(members, entry)
    form = str(document.get("format", "")) if isinstance(document, dict) else ""
    if not form.startswith(("quantized-mesh", "heightmap")):
        raise ValueError("it is no description of quantized-mesh terrain")
    found = TerrainSurvey(format=form)
    bounds = document.get("valid_bounds") or document.get("bounds")
    names = set()
    for name in members.names():
        if tile := _TILE.search(name):
            names.add((int(tile[1]), int(tile[2]), int(tile[3])))
            found.tiles += 1
            if found.tiles <= 16 or found.tiles % 997 == 0:
                _check(members, name, found)
    if names:
        found.levels = (min(names)[0], max(names)[0])
    _promised(document, entry, names, found)
    if isinstance(bounds, list) and len(bounds) == 4:
        try:
            found.box = (float(bounds[0]), float(bounds[1]), float(bounds[2]), float(bounds[3]))
        except (TypeError, ValueError, OverflowError):
            found.faults.append("its bounds are no numbers")
    if names and (found.box is None or found.box[2] - found.box[0] >= 359):
        found.box = _of_deepest(names)
    return found


def _check(members: Members, name: str, found: TerrainSurvey) -> None:
    with members.open(name) as file:
        data = file.read(1 << 22)
    if data[:2] == b"\x1f\x8b":
        found.packed += 1
        try:
            data = zlib.decompressobj(31).decompress(data, 1 << 24)
        except zlib.error as err:
            found.faults.append(f"{name} ({err})")
            return
    if found.format.startswith("heightmap"):
        return
    if len(data) < 92:
        found.faults.append(f"{name} (only {len(data)} bytes)")
        return
    low, high = (float(v) for v in np.frombuffer(data, "<f4", 2, 24))
    vertices = int(np.frombuffer(data, "<u4", 1, 88)[0])
    if not (np.isfinite([low, high]).all() and low <= high) or 92 + 6 * vertices > len(data):
        found.faults.append(f"{name} (its header makes no sense)")
        return
    old = found.heights or (low, high)
    found.heights = (min(old[0], low), max(old[1], high))


def _promised(
    document: dict[str, Any],
    entry: str,
    names: set[tuple[int, int, int]],
    found: TerrainSurvey,
) -> None:
    """Tiles of the ranges in ``available`` that are not there."""
    templates = document.get("tiles")
    if isinstance(templates, list) and templates and inside(entry, str(templates[0])) is None:
        found.faults.append(
            f"tiles are fetched from {str(templates[0])[:80]!r}, not from this folder"
        )
    checked = 0
    ranges = document.get("available")
    for level, parts in enumerate(ranges if isinstance(ranges, list) else []):
        for part in parts if isinstance(parts, list) else []:
            try:
                xs = range(int(part["startX"]), int(part["endX"]) + 1)
                ys = range(int(part["startY"]), int(part["endY"]) + 1)
            except (KeyError, TypeError, ValueError):
                continue
            if checked + len(xs) * len(ys) > MOST_CHECKED:
                return
            checked += len(xs) * len(ys)
            found.missing += [f"{level}/{x}/{y}.terrain" for x in xs for y in ys if (level, x, y) not in names]  # fmt: skip


def _of_deepest(names: set[tuple[int, int, int]]) -> tuple[float, float, float, float]:
    """Box of the tiles of the deepest level (geographic TMS)."""
    level = max(names)[0]
    size = 180.0 / 2**level
    x = [n[1] for n in names if n[0] == level]
    y = [n[2] for n in names if n[0] == level]
    return (min(x) * size - 180, min(y) * size - 90, (max(x) + 1) * size - 180, (max(y) + 1) * size - 90)  # fmt: skip
