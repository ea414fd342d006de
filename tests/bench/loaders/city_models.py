"""City models into the base: megabytes per CPU second beside the bare parser, and memory at two sizes.

Run as ``python tests/bench/loaders/city_models.py [MB] [folder of real data] [turns]``. A block of houses (and, where the shared real
data are, a real tile) is repeated with new ids until the file has that size and a quarter of it. Each
load runs in a process of its own, compiled code warm, CPU of all threads counted. The floor is measured before and
after each load: ``orjson.loads`` of each line with its vertices and boundaries flattened into arrays,
``lxml.etree.iterparse`` of each member. A machine is as fast as its floor: the aims (40 and 25 MB a CPU-second) were set
where the floors ran at 94 and 188, so they are reached from 0.43 and 0.13 of the floor's speed on. Medians of the turns.
"""

import json
import os
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import orjson
from lxml import etree

AIMS = {False: 40 / 94, True: 25 / 188}
"""Shares of the floor's speed that are wanted of CityJSONSeq (False) and CityGML (True)."""
ROOT = Path(__file__).resolve().parents[3]
REAL = ROOT.parent / "shared" / "data"
REAL_FILES = {
    "CityJSONSeq 3DBAG": ("cityjson/cjdb/cjfiles/tile_901_trimmed.jsonl", "EPSG:28992"),
    "CityJSONSeq Vienna": ("cityjson/cjdb/vienna.jsonl", "EPSG:31256"),
    "CityGML PLATEAU": (
        "citygml/plateau-nusamai/yokosuka-shi/udx/bldg/52397519_bldg_6697_op.gml",
        None,
    ),
    "CityGML LoD3": ("citygml/citygml4j/lod3_building_v2.gml", "EPSG:3068"),
}


def sides(n: int) -> list[tuple[int, int]]:
    """Corners of a footprint with 2n of them, a comb of n teeth."""
    out = []
    for i in range(n):
        out += [(2000 * i, 6000 if i % 2 else 9000), (2000 * i + 2000, 6000 if i % 2 else 9000)]
    return [(0, 0), *out[1:-1], (2000 * n, 0)]


def block() -> Iterator[dict]:
    """CityJSON features of one block: LoD 1 and LoD 2 solids with semantics, as cadastral tiles have them."""
    for k in range(40):
        plan = [(x + 40_000 * (k % 8), y + 30_000 * (k // 8)) for x, y in sides(8 + k % 8)]
        n = len(plan)
        vertices = [[x, y, z] for z in (2000, 9000 + 100 * k) for x, y in plan]
        walls = [[[i, (i + 1) % n, n + (i + 1) % n, n + i]] for i in range(n)]
        shell = [[list(range(n))[::-1]], [list(range(n, 2 * n))], *walls]
        surfaces = [
            {"type": "GroundSurface"},
            {"type": "RoofSurface", "slope": 0.0},
            {"type": "WallSurface"},
        ]
        semantics = {"surfaces": surfaces, "values": [[0, 1, *([2] * n)]]}
        solids = [
            {"type": "Solid", "lod": lod, "boundaries": [shell], "semantics": semantics}
            for lod in ("1.2", "2.2")
        ]
        attributes = {f"field_{i}": f"value {i * k}" for i in range(10)} | {
            "measuredHeight": 7.0 + k / 10
        }
        item = {"type": "Building", "attributes": attributes, "geometry": solids}
        yield {
            "type": "CityJSONFeature",
            "id": f"b{k}",
            "CityObjects": {f"b{k}": item},
            "vertices": vertices,
        }


def write_sequence(path: Path, size: float, source: Path | None) -> None:
    """Features with new ids until the file has ``size`` MB."""
    head = {
        "type": "CityJSON", "version": "2.0", "CityObjects": {}, "vertices": [],
        "transform": {"scale": [0.001] * 3, "translate": [500_000.0, 3_400_000.0, 0.0]},
        "metadata": {"referenceSystem": "https://www.opengis.net/def/crs/EPSG/0/4547"},
    }  # fmt: skip
    features = list(block())
    if source is not None:
        first, *lines = source.read_bytes().splitlines()
        head, features = orjson.loads(first), [orjson.loads(line) for line in lines if line.strip()]
    with path.open("wb") as file:
        written, turn = file.write(orjson.dumps(head) + b"\n"), 0
        while written < size * 1e6:
            for feature in features:
                new = {key: f"{key}_{turn}" for key in feature["CityObjects"]}
                objects = {
                    new[key]: item
                    | {
                        r: [new.get(o, o) for o in item[r]]
                        for r in ("parents", "children")
                        if r in item
                    }
                    for key, item in feature["CityObjects"].items()
                }
                written += file.write(
                    orjson.dumps(feature | {"id": f"{turn}", "CityObjects": objects}) + b"\n"
                )
            turn += 1


def gml_block() -> str:
    """CityGML members of the same block, LoD 2."""
    from xml.sax.saxutils import escape

    out = []
    for feature in block():
        ((key, item),) = feature["CityObjects"].items()
        points = [
            [500_000 + x / 1000, 3_400_000 + y / 1000, z / 1000] for x, y, z in feature["vertices"]
        ]
        solid = item["geometry"][1]
        members = []
        for face, kind in zip(solid["boundaries"][0], solid["semantics"]["values"][0], strict=True):
            ring = " ".join(f"{v:.3f}" for i in [*face[0], face[0][0]] for v in points[i])
            name = solid["semantics"]["surfaces"][kind]["type"]
            members.append(
                f"<bldg:boundedBy><bldg:{name}><bldg:lod2MultiSurface><gml:MultiSurface><gml:surfaceMember>"
                f'<gml:Polygon gml:id="{key}_{len(members)}"><gml:exterior><gml:LinearRing><gml:posList>{ring}</gml:posList>'
                "</gml:LinearRing></gml:exterior></gml:Polygon></gml:surfaceMember></gml:MultiSurface></bldg:lod2MultiSurface>"
                f"</bldg:{name}></bldg:boundedBy>"
            )
        said = "".join(
            f'<gen:stringAttribute name="{escape(n)}"><gen:value>{escape(str(v))}</gen:value></gen:stringAttribute>'
            for n, v in item["attributes"].items()
        )
        out.append(
            f'<core:cityObjectMember><bldg:Building gml:id="{key}">{said}{"".join(members)}</bldg:Building></core:cityObjectMember>'
        )
    head = (
        '<core:CityModel xmlns:core="http://www.opengis.net/citygml/2.0" xmlns:bldg="http://www.opengis.net/citygml/building/2.0" '
        'xmlns:gen="http://www.opengis.net/citygml/generics/2.0" xmlns:gml="http://www.opengis.net/gml"><gml:boundedBy>'
        '<gml:Envelope srsName="EPSG:4547" srsDimension="3"><gml:lowerCorner>500000 3400000 0</gml:lowerCorner>'
        "<gml:upperCorner>500400 3400200 20</gml:upperCorner></gml:Envelope></gml:boundedBy>"
    )
    return head + "".join(out) + "</core:CityModel>"


def write_gml(path: Path, size: float, source: Path | None) -> None:
    """Members with new ids until the file has ``size`` MB; what stands behind them stays."""
    text = gml_block().encode() if source is None else source.read_bytes()
    found = re.search(rb"<(?:\w+:)?cityObjectMember", text)
    assert found is not None
    first, last = found.start(), text.rfind(b"cityObjectMember>") + len(b"cityObjectMember>")
    with path.open("wb") as file:
        written, turn = file.write(text[:first]), 0
        while written < size * 1e6:
            body = re.sub(rb'(gml:id=")([^"]+)"', rb"\1\2_%d\"" % turn, text[first:last])
            body = re.sub(rb'((?:xlink:href|uri|ring)="#)([^"]+)"', rb"\1\2_%d\"" % turn, body)
            written, turn = written + file.write(body), turn + 1
        file.write(text[last:])


def flat(nested: list[Any]) -> list[Any]:
    """Numbers of nested lists."""
    while nested and isinstance(nested[0], list):
        nested = list(chain.from_iterable(nested))
    return nested


def flatten(feature: dict[str, Any]) -> int:
    """Put vertices and boundaries of a feature into arrays; how many numbers there are."""
    vertices = np.array(flat(feature["vertices"]), np.float64).reshape(-1, 3)
    n = vertices.size
    for item in feature["CityObjects"].values():
        for geometry in item.get("geometry", ()):
            n += len(np.array(flat(geometry["boundaries"]), np.int64))
    return n


def floor(path: Path) -> float:
    """CPU seconds of the parser alone."""
    started = time.process_time()
    if path.suffix == ".jsonl":
        with path.open("rb") as file:
            for line in file:
                flatten(orjson.loads(line))
    else:
        members = etree.iterparse(
            str(path), tag="{*}cityObjectMember", huge_tree=True, resolve_entities=False
        )
        for _, element in members:
            element.clear()
    return time.process_time() - started


def load(path: Path, crs: str | None) -> dict[str, float]:
    """CPU seconds, MB and peak memory of one load, in this process."""
    from api.loading import load_layers
    from loaders.propose import propose
    from loaders.registry import loader_for
    from twin.city import City
    from twin.heights import Heights
    from twin.store import Store

    with tempfile.TemporaryDirectory() as folder:
        city = City.init(Path(folder) / "city", source_crs=crs or "EPSG:4547")
        with Store.open(city) as store:
            loader = loader_for(path)
            info = loader.scan(path)[0]
            plan = propose([info]).layers[0]
            plan = (
                replace(plan, crs=crs, crs_evidence="the benchmark says so")
                if crs and info.crs is None
                else plan
            )
            next(
                iter(loader.read(info, plan, 16))
            )  # compiled code is read from its cache once a process
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            started = time.process_time()
            result = load_layers(store, Heights(0.0), [(info, plan)])[0]
            seconds = time.process_time() - started
            assert result.balance is not None, result.reason
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": seconds,
        "records": result.balance.n_in,
        "loaded": result.balance.loaded,
        "peak": peak / 1024,
        "start": before / 1024,
    }


def main() -> None:
    size = float(sys.argv[1]) if len(sys.argv) > 1 else 40.0
    real = Path(sys.argv[2]) if len(sys.argv) > 2 else REAL
    cases: list[tuple[str, Path | None, str | None]] = [
        ("CityJSONSeq block", None, None),
        ("CityGML block", None, None),
    ]
    cases += [
        (name, real / path, crs)
        for name, (path, crs) in REAL_FILES.items()
        if (real / path).is_file()
    ]
    turns = int(sys.argv[3]) if len(sys.argv) > 3 else 3
    sys.stdout.write(
        f"{'file':20} {'MB':>6} {'records':>8} {'CPU s':>7} {'MB/CPU s':>9} {'floor':>7} {'of floor':>9} {'of aim':>7} {'peak MiB':>9}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, source, crs in cases:
            gml = name.startswith("CityGML")
            path = Path(folder) / ("model.gml" if gml else "model.city.jsonl")
            for share in (0.25, 1.0):
                (write_gml if gml else write_sequence)(path, size * share, source)
                sys.stdout.write(row(name, path, crs, AIMS[gml], turns))
                sys.stdout.flush()


def row(name: str, path: Path, crs: str | None, aim: float, turns: int) -> str:
    """One line of the table; ``aim`` is the share of the floor's speed that is wanted."""
    mb = path.stat().st_size / 1e6
    loads, bare = [], [floor(path)]
    for _ in range(turns):
        done = subprocess.run(
            [sys.executable, __file__, "--load", str(path), crs or ""],
            capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        loads.append(json.loads(done.stdout))
        bare.append(floor(path))
    seconds = median(one["seconds"] for one in loads)
    # each load beside the floors right before and after it
    share = median(
        (a + b) / 2 / one["seconds"] for one, (a, b) in zip(loads, pairwise(bare), strict=True)
    )
    return (
        f"{name:20} {mb:6.1f} {loads[0]['records']:8} {seconds:7.2f} {mb / seconds:9.1f} {mb / median(bare):7.0f} "
        f"{share:9.2f} {share / aim:7.2f} {max(one['peak'] for one in loads):9.0f}\n"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--load"]:
        sys.stdout.write(json.dumps(load(Path(sys.argv[2]), sys.argv[3] or None)))
    else:
        main()
