"""A city of footprints as 3D Tiles against tools that do the same: buildings per CPU-second, bytes a building plain and gzipped.

Run: ``python tests/bench/tiles/tilers.py [--ours 200000] [--theirs 5000] [--py3dtiles BIN] [--citygml-to-3dtiles BIN] [--py3dtilers ENV/bin/python]``.
One city (octagons of ``plan.py``, the same to every side, a part of it to those that are slow), every side a process of its own, start and
imports included, rounds in turn, medians. Ours starts from the base, ends with compressed tiles, ids and attributes, explicit and implicit face. Theirs get
what they read: py3dtiles a folder of WKB (a closed shell each), py3dtilers GeoJSON with heights, citygml-to-3dtiles one CityGML of LoD1 solids.
A peer that is not named is left out. Peers live in environments of their own: ``pip install py3dtiles``, ``npm install citygml-to-3dtiles``, and for
py3dtilers (no release, rests since 2025) its sources beside ``py3dtiles==9.0.0`` with ``mapbox_earcut`` under the name of ``earclip``.
"""

import argparse
import gzip
import json
import shutil
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyproj
import shapely

sys.path.insert(0, str(Path(__file__).parent))
from plan import fill, piece, side_of, timed

import tiles
from twin.city import City
from twin.store import Store
from twin.store.scene import Scene

ROUNDS = 3
GROUND = 12.0
Shell = list[list[tuple[float, float, float]]]


def shells(
    n: int, side: float, epsg: int = 4547, west: float = 0.0
) -> Iterator[tuple[str, float, Shell]]:
    """Name, height and closed rings (floor, roof, walls; metres) of the first buildings of the city, moved ``west`` by degrees."""
    table = piece(n, 0, side)
    place = pyproj.Transformer.from_crs(4490, epsg, always_xy=True)
    for name, height, wkb in zip(
        *(table[c].to_pylist() for c in ("name", "height_m", "wkb")), strict=True
    ):
        x, y = place.transform(*(shapely.get_coordinates(shapely.from_wkb(wkb)) - (west, 0)).T)
        foot = [(a, b, GROUND) for a, b in zip(x.tolist(), y.tolist(), strict=True)]
        head = [(a, b, GROUND + height) for a, b, _ in foot]
        walls = [
            [foot[i], foot[i + 1], head[i + 1], head[i], foot[i]] for i in range(len(foot) - 1)
        ]
        yield name, height, [foot[::-1], head, *walls]


def wkb_folder(folder: Path, n: int, side: float) -> None:
    """One file a building."""
    folder.mkdir()
    for i, (_, _, rings) in enumerate(shells(n, side)):
        parts = shapely.multipolygons([shapely.polygons(np.array(r)) for r in rings])
        (folder / f"{i:06}.wkb").write_bytes(
            shapely.to_wkb(parts, output_dimension=3, flavor="iso")
        )


def geojson(path: Path, n: int, side: float) -> None:
    """Footprints on the ground with their height."""
    found = [
        {"type": "Feature", "properties": {"id": name, "HAUTEUR": height, "Z_MAX": GROUND + height, "name": name},
         "geometry": {"type": "Polygon", "coordinates": [rings[1]]}}
        for name, height, rings in shells(n, side)
    ]  # fmt: skip
    path.write_text(json.dumps({"type": "FeatureCollection", "features": found}))


def citygml(path: Path, n: int, side: float) -> None:
    """Solids of LoD1, in a system that the tool knows."""
    found = list(shells(n, side, 25833, 99.0))
    posts = np.array([p for _, _, rings in found for p in rings[1]])
    low, high = (" ".join(f"{v:.3f}" for v in edge) for edge in (posts.min(0), posts.max(0)))
    with path.open("w") as out:
        out.write(
            '<?xml version="1.0" encoding="UTF-8"?>\n<core:CityModel xmlns:core="http://www.opengis.net/citygml/2.0" '
            'xmlns:bldg="http://www.opengis.net/citygml/building/2.0" xmlns:gml="http://www.opengis.net/gml">\n'
            f'<gml:boundedBy><gml:Envelope srsName="EPSG:25833"><gml:lowerCorner>{low}</gml:lowerCorner><gml:upperCorner>{high}</gml:upperCorner>'
            "</gml:Envelope></gml:boundedBy>\n"
        )
        for i, (name, height, rings) in enumerate(found):
            out.write(
                f'<core:cityObjectMember><bldg:Building gml:id="b{i}"><gml:name>{name}</gml:name><bldg:measuredHeight uom="m">{height:.2f}'
                '</bldg:measuredHeight><bldg:lod1Solid><gml:Solid srsName="EPSG:25833"><gml:exterior><gml:CompositeSurface>'
            )
            for ring in rings:
                corners = " ".join(f"{v:.3f}" for p in ring for v in p)
                out.write(
                    '<gml:surfaceMember><gml:Polygon><gml:exterior><gml:LinearRing><gml:posList srsDimension="3">'
                    f"{corners}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></gml:surfaceMember>"
                )
            out.write(
                "</gml:CompositeSurface></gml:exterior></gml:Solid></bldg:lod1Solid></bldg:Building></core:cityObjectMember>\n"
            )
        out.write("</core:CityModel>\n")


def sizes(folder: Path) -> tuple[int, int]:
    """Bytes of all files, as they are and each gzipped."""
    found = [
        p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and p.suffix != ".gz" and ".records" not in p.parts
    ]
    return sum(map(len, found)), sum(len(gzip.compress(f, 6)) for f in found)


def sides(given: argparse.Namespace, rest: Path) -> dict[str, tuple[int, list[str], Path]]:
    """Buildings, command and folder of each side; what they read is written."""
    side = side_of(given.ours)
    city = City.init(rest / "city")
    with Store.open(city) as store:
        fill(store, given.ours)
    found = {"ours": (given.ours, [sys.executable, __file__, "--child", str(rest)], rest / "ours")}
    n = given.theirs
    if given.py3dtiles:
        wkb_folder(rest / "wkb", n, side)
        out = rest / "py3dtiles"
        found["py3dtiles export"] = (
            n,
            [given.py3dtiles, "export", "-d", str(rest / "wkb"), "-s", str(out)],
            out,
        )
    if given.py3dtilers:
        geojson(rest / "city.geojson", n, side)
        out = rest / "py3dtilers"
        run = "from py3dtilers.GeojsonTiler.GeojsonTiler import main; main()"
        found["py3dtilers"] = n, [given.py3dtilers, "-c", run, "-i", str(rest / "city.geojson"), "-o", str(out),
                                  "--crs_in", "EPSG:4547", "--crs_out", "EPSG:4978"], out  # fmt: skip
    if given.citygml_to_3dtiles:
        citygml(rest / "city.gml", n, side)
        out = rest / "citygml"
        found["citygml-to-3dtiles"] = (
            n,
            [given.citygml_to_3dtiles, str(rest / "city.gml"), str(out)],
            out,
        )
    return found


def main() -> None:
    """Measure and print."""
    ask = argparse.ArgumentParser()
    ask.add_argument("--ours", type=int, default=200_000)
    ask.add_argument("--theirs", type=int, default=5_000)
    for peer in ("--py3dtiles", "--py3dtilers", "--citygml-to-3dtiles"):
        ask.add_argument(peer)
    ask.add_argument("--child", type=Path)
    given = ask.parse_args()
    if given.child:
        with Store.open(City.open(given.child / "city"), read_only=True) as store:
            tiles.build(Scene(store), given.child / "ours", ["buildings"])
        return
    with tempfile.TemporaryDirectory() as folder:
        found = sides(given, Path(folder))
        rates: dict[str, list[float]] = {name: [] for name in found}
        for _ in range(ROUNDS):
            for name, (n, words, out) in found.items():
                shutil.rmtree(out, ignore_errors=True)
                rates[name].append(n / timed(words)[0])
        ours = statistics.median(rates["ours"])
        for name, (n, _, out) in found.items():
            rate, (plain, packed) = statistics.median(rates[name]), sizes(out)
            sys.stdout.write(
                f"{name}: {n:,} buildings, {rate:,.0f} a CPU-second (ours is {ours / rate:,.0f} times), {plain / n:,.0f} B a building, {packed / n:,.0f} gzipped\n"
            )


if __name__ == "__main__":
    main()
