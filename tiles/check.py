"""Our own proof that a tiles folder is right: structure, containment, errors, ids, hashes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import orjson

from tiles.build import SCENE
from tiles.check_terrain import check_terrain
from tiles.check_tileset import TilesetCheck
from tiles.findings import Finding
from tiles.folder import read_manifest

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["check"]

SHOWN = 20
"""Ids of unknown entities listed per layer before they are only counted."""


def check(out: Path, known_eids: set[str] | None = None) -> list[Finding]:
    """Check every layer of a tiles folder.

    Parameters
    ----------
    out : Path
        A folder as :func:`tiles.build` writes it.
    known_eids : set of str, optional
        Every entity of the base; an eid in a tile that is not among them is a finding.

    Returns
    -------
    list of Finding
        Empty where all is right.
    """
    findings = _manifest(out)
    found: dict[str, str] = {}
    for name in (*SCENE, "rooms"):
        path = out / name / "tileset.json"
        if not path.is_file():
            continue
        run = TilesetCheck(out)
        run.run(path)
        findings += run.findings
        if known_eids is not None:
            findings += _unknown(name, set(run.eid) - known_eids)
        both = sorted(found.keys() & run.eid.keys())
        if both:
            text = (
                f"{len(both)} entities are drawn in {found[both[0]]} as well, the first {both[0]}"
            )
            findings.append(Finding(f"{name}/tileset.json", "eid-twice", text))
        found.update(run.eid)
        findings += _twin(out, name, run)
    if (out / "scene" / "tileset.json").is_file():
        scene = TilesetCheck(out)
        scene.run(out / "scene" / "tileset.json")
        known = {(f.path, f.rule) for f in findings}
        findings += [f for f in scene.findings if (f.path, f.rule) not in known]
    if (out / "terrain" / "layer.json").is_file():
        findings += check_terrain(out / "terrain", out)
    for path in sorted(out.glob("**/tilejson.json")):
        findings += _tilejson(path, out)
    return findings


def _twin(out: Path, name: str, explicit: TilesetCheck) -> list[Finding]:
    """The implicit face of a layer is sound, and shows the same entities in the same files."""
    path = out / name / "implicit.json"
    if not path.is_file():
        return []
    run = TilesetCheck(out)
    run.run(path)
    known = {(f.path, f.rule) for f in explicit.findings}
    findings = [f for f in run.findings if (f.path, f.rule) not in known]
    if run.eid != explicit.eid:
        text = f"shows {len(run.eid)} entities, the explicit face {len(explicit.eid)}, or in other files"
        findings.append(Finding(f"{name}/implicit.json", "faces-differ", text))
    return findings


def _unknown(name: str, strangers: set[str]) -> list[Finding]:
    listed = sorted(strangers)[:SHOWN]
    path = f"{name}/tileset.json"
    out = [Finding(path, "eid-unknown", f"{e} is not in the base") for e in listed]
    if len(strangers) > SHOWN:
        out.append(Finding(path, "eid-unknown", f"and {len(strangers) - SHOWN} more"))
    return out


def _manifest(out: Path) -> list[Finding]:
    """Every file is the one the manifest speaks of."""
    layers = read_manifest(out)
    if not layers:
        return [Finding("manifest.json", "manifest", "missing, damaged or of another format")]
    findings = []
    for layer, entry in layers.items():
        for name, (digest, _) in entry["files"].items():
            path = out / layer / name
            if not path.is_file():
                findings.append(Finding(f"{layer}/{name}", "file-missing", "is in the manifest"))
            elif hashlib.sha256(path.read_bytes()).hexdigest() != digest:
                findings.append(Finding(f"{layer}/{name}", "file-changed", "not as it was written"))
    return findings


def _tilejson(path: Path, out: Path) -> list[Finding]:
    """Zooms are those of the folders, bounds are a box, every tile is of its kind."""
    name = path.relative_to(out).as_posix()
    try:
        document = orjson.loads(path.read_bytes())
        first, last = int(document["minzoom"]), int(document["maxzoom"])
        west, south, east, north = (float(v) for v in document["bounds"])
        suffix = document["tiles"][0].rsplit(".", 1)[1]
    except (orjson.JSONDecodeError, KeyError, ValueError, IndexError) as err:
        return [Finding(name, "tilejson", f"not a TileJSON: {err!r}")]
    findings = []
    if not (-180 <= west <= east <= 180 and -90 <= south <= north <= 90):
        findings.append(Finding(name, "tilejson-bounds", f"{document['bounds']} is no box"))
    zooms = sorted(int(p.name) for p in path.parent.iterdir() if p.name.isdecimal())
    if not zooms or zooms[0] < first or zooms[-1] != last:
        findings.append(Finding(name, "tilejson-zoom", f"says {first}–{last}, has {zooms}"))
    for tile in sorted(path.parent.glob(f"*/*/*.{suffix}")):
        with tile.open("rb") as f:
            head = f.read(12)
        good = (
            head[:4] == b"RIFF" and head[8:] == b"WEBP" if suffix == "webp" else head[:1] == b"\x1a"
        )
        if not good:
            text = f"is no {suffix} tile"
            findings.append(Finding(tile.relative_to(out).as_posix(), "tile-kind", text))
    return findings
