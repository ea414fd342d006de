"""IFC models in the base beside the bare geometry iterator and a placement computed by hand.

::

    python tests/real/models.py [FILE or FOLDER…] [--seconds 180] [--json [FILE]]

FILE is an IFC model (default: all of ``../shared/data/ifc``). For each

* the bare ifcopenshell iterator counts products with a surface and alignments with a line, in a process of its own and
  for at most ``--seconds`` (180); voids, virtual boundaries, annotations and grids are no things and not counted;
* the model is loaded into a throw-away city, one that says nowhere where it is at a place given here;
* **here** are those of the products that have a shape in the base, **all** whatever has one (the iterator may end early), **boxes** those
  of which no kernel can make more;
* **ids**: GlobalIds that lead to one thing, and from it back to themselves (those the file uses once);
* **rooms**: IfcSpace in the text of the file of which the base has a room, with its shape and outline;
* **off**: where the file has a georeference, the largest distance (metres) between the corners of a product's box in the
  base and those computed here: the iterator's world coordinates, the map conversion written out, pyproj.

Exit code 1 where a model falls short: fewer than 99 % of the products, an id that leads astray, a room less, more than 5 cm.
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

from api.loading import load_layers  # noqa: E402
from loaders.base import LayerInfo  # noqa: E402
from loaders.ifc import IfcLoader  # noqa: E402
from loaders.propose import propose  # noqa: E402
from twin.city import City  # noqa: E402
from twin.heights import Heights  # noqa: E402
from twin.ingest.meshes import read_asset  # noqa: E402
from twin.plan import LayerPlan  # noqa: E402
from twin.store import Store  # noqa: E402

DEFAULT = next(
    (p / "shared" / "data" / "ifc" for p in ROOT.parents if (p / "shared").is_dir()),
    ROOT.parent / "shared" / "data" / "ifc",
)
LEAST, FARTHEST = 0.99, 0.05
"""Share of the products, and metres."""
SURE = 0.6
"""Below this a model is refused unless somebody says where it is."""
ELSEWHERE = {"crs": "EPSG:4547", "easting": 508_210.0, "northing": 3_373_140.0, "height": 20.0}
NO_THINGS = ("IfcFeatureElementSubtraction", "IfcVirtualElement", "IfcAnnotation", "IfcGrid")
_SPACE = re.compile(rb"=\s*IFCSPACE\s*\(\s*'([^']*)'", re.I)
Box = tuple[float, ...]


@dataclass
class Bare:
    """What the iterator told: GlobalIds with a surface, alignments with a line, boxes in degrees and metres."""

    surfaces: Counter[str]
    lines: set[str]
    boxes: dict[str, Box]
    ended: str


@dataclass(frozen=True)
class Row:
    """One model."""

    name: str
    bare: int
    here: int
    all: int
    lines_bare: int
    lines_here: int
    boxes: int
    ids: int
    ids_astray: int
    spaces: int
    rooms: int
    crs: str | None
    compared: int
    off: float | None
    ended: str

    def faults(self) -> list[str]:
        """What falls short of what is asked of a model."""
        out = []
        if self.here < LEAST * self.bare or self.lines_here < LEAST * self.lines_bare:
            out.append("products are missing")
        if self.ids_astray:
            out.append(f"{self.ids_astray} GlobalIds lead astray")
        if self.rooms < self.spaces:
            out.append("rooms are missing")
        if self.off is not None and not self.off <= FARTHEST:
            out.append(f"{self.off:.3f} m off")
        return out

    def line(self) -> str:
        """As a row of a Markdown table."""
        off = "–" if self.off is None else f"{self.off:.4f} ({self.compared})"
        share = f"{self.here / self.bare:.1%}" if self.bare else "–"
        cells = (self.name, self.bare, self.here, share, self.all, f"{self.lines_here}/{self.lines_bare}", self.boxes,
                 f"{self.ids - self.ids_astray}/{self.ids}", f"{self.rooms}/{self.spaces}", self.crs or "–", off,
                 "; ".join(self.faults()) or "ok", self.ended)  # fmt: skip
        return "| " + " | ".join(map(str, cells)) + " |"


HEAD = (
    "| model | bare | here | share | all | lines | boxes | ids | rooms | georeference | off, m (products) | verdict | iterator |\n"
    "|" + "---|" * 13
)


def opened(path: Path) -> Any:
    """The model by ifcopenshell alone, its schema's name put right; by the product's own reader where that fails."""
    import ifcopenshell

    data = path.read_bytes()
    said = re.search(rb"FILE_SCHEMA\s*\(\s*\(\s*'([^']*)'", data)
    name = said[1].decode().upper() if said else ""
    known = "IFC4X3_ADD2" if name.startswith("IFC4X3") else "IFC2X3" if name.startswith("IFC2X") else name  # fmt: skip
    if said and known != name:
        data = data[: said.start(1)] + known.encode() + data[said.end(1) :]
    try:
        model = ifcopenshell.file.from_string(data.decode("latin-1"))
        model.by_type("IfcProject")  # a parser that gave up early leaves a model without a schema
        return model
    except (RuntimeError, ifcopenshell.Error):
        from loaders.ifc.opening import open_model

        return open_model(path)[0]


def georeferenced(model: Any) -> Callable[[np.ndarray], Sequence[np.ndarray]] | None:
    """From metres of the model (n, 3) to degrees and height: map conversion, else latitude, longitude and true north."""
    from pyproj import Transformer

    said = _entity(model) if model.schema != "IFC2X3" else _property_sets(model)
    if said is None:
        return _tangent(model)
    crs, matrix = conversion(*said)
    projected = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)

    def on_a_map(metres: np.ndarray) -> Sequence[np.ndarray]:
        x, y, z = (metres @ matrix[:3, :3].T + matrix[:3, 3]).T
        return (*projected.transform(x, y), z)

    return on_a_map


def _tangent(model: Any) -> Callable[[np.ndarray], Sequence[np.ndarray]] | None:
    """On the plane that touches the ellipsoid at the site: for models in metres whose site stands at their origin."""
    from pyproj import Transformer

    site = next((s for s in model.by_type("IfcSite") if s.RefLatitude and any(s.RefLatitude[2:])), None)  # fmt: skip
    context = model.by_type("IfcGeometricRepresentationContext", False)[0]
    if site is None or context.TrueNorth is None:
        return None
    weights = (1, 60, 3600, 3.6e9)
    lat, lon = (sum(p / w for p, w in zip(a, weights, strict=False)) for a in (site.RefLatitude, site.RefLongitude))  # fmt: skip
    at = f"+ellps=WGS84 +lon_0={lon!r} +lat_0={lat!r} +h_0={site.RefElevation or 0.0!r}"
    tangent = Transformer.from_pipeline(
        f"+proj=pipeline +step +inv +proj=topocentric {at} +step +inv +proj=cart +ellps=WGS84 "
        "+step +proj=unitconvert +xy_in=rad +xy_out=deg"
    )
    north = np.array(context.TrueNorth.DirectionRatios[:2])
    x, y = north / np.hypot(*north)

    def on_a_tangent(metres: np.ndarray) -> Sequence[np.ndarray]:
        east = metres[:, 0] * y - metres[:, 1] * x
        return tangent.transform(east, metres[:, :2] @ (x, y), metres[:, 2])

    return on_a_tangent


def conversion(crs: str, unit: float, values: dict[str, Any]) -> tuple[str, np.ndarray]:
    """System and matrix (4, 4) from metres of the model to it, as IfcMapConversion defines them."""
    east, north, height = (float(values[k]) * unit for k in ("Eastings", "Northings", "OrthogonalHeight"))  # fmt: skip
    x, y = values.get("XAxisAbscissa"), values.get("XAxisOrdinate")
    turn = np.arctan2(y, x) if x is not None and y is not None else 0.0
    c, s = np.cos(turn), np.sin(turn)
    return crs, np.array([[c, -s, 0, east], [s, c, 0, north], [0, 0, 1, height], [0, 0, 0, 1]])


def _entity(model: Any) -> tuple[str, float, dict[str, Any]] | None:
    found = model.by_type("IfcMapConversion")
    if not found:
        return None
    target = found[0].TargetCRS
    texts = " ".join(str(t) for t in target.get_info().values() if isinstance(t, str))
    code = re.search(r"EPSG[:\s]+(\d{4,5})", texts)
    milli = target.MapUnit is not None and getattr(target.MapUnit, "Prefix", None) == "MILLI"
    return (f"EPSG:{code[1]}", 0.001 if milli else 1.0, found[0].get_info()) if code else None


def _property_sets(model: Any) -> tuple[str, float, dict[str, Any]] | None:
    values = {
        p.Name: p.NominalValue.wrappedValue
        for s in model.by_type("IfcPropertySet")
        if s.Name in ("ePSet_MapConversion", "ePSet_ProjectedCRS")
        for p in s.HasProperties
    }
    return (str(values["Name"]), 1.0, values) if "Eastings" in values else None


def iterate(path: Path) -> Iterator[dict[str, Any]]:
    """Every product of the bare iterator, with the box of its corners in degrees where the file has a map conversion."""
    import ifcopenshell.geom

    model = opened(path)
    to_degrees = georeferenced(model)
    settings = ifcopenshell.geom.settings()
    settings.set("use-world-coords", True)
    iterator = ifcopenshell.geom.iterator(settings, model, 1)
    if not iterator.initialize():
        return
    while True:
        shape = iterator.get()
        product, geometry = model.by_id(shape.id), shape.geometry
        said = {"step": shape.id, "id": product.GlobalId, "class": product.is_a(), "surface": bool(len(geometry.faces))}  # fmt: skip
        said["thing"] = not any(_is(product, c) for c in NO_THINGS)
        if to_degrees and said["surface"]:
            used = np.unique(np.array(geometry.faces))
            there = to_degrees(np.array(geometry.verts).reshape(-1, 3)[used])
            said["box"] = [*(min(v) for v in there), *(max(v) for v in there)]
        yield said
        if not iterator.next():
            return


def _is(product: Any, name: str) -> bool:
    try:
        return bool(product.is_a(name))
    except RuntimeError:
        return False


def bare(path: Path, seconds: float) -> Bare:
    """The iterator in a process of its own: what it told until it ended, crashed or ran out of time."""
    with tempfile.TemporaryFile("w+") as out:
        try:
            done = subprocess.run(
                [sys.executable, __file__, "--bare", str(path)],
                stdout=out, stderr=subprocess.DEVNULL, timeout=seconds, check=False,
            )  # fmt: skip
            ended = "ended" if done.returncode == 0 else f"crashed ({done.returncode})"
        except subprocess.TimeoutExpired:
            ended = f"cut after {seconds:.0f} s"
        out.seek(0)
        said = [json.loads(line) for line in out if line.endswith("\n")]
    # a product that lists one representation twice is told twice
    things = list({s["step"]: s for s in said if s["thing"] and s["surface"]}.values())
    return Bare(
        Counter(s["id"] for s in things),
        {s["id"] for s in said if s["class"] == "IfcAlignment" and not s["surface"]},
        {s["id"]: tuple(s["box"]) for s in things if "box" in s},
        ended,
    )


def planned(info: LayerInfo) -> LayerPlan:
    """What scan proposes; a place given where the model has none that is sure."""
    plan = replace(propose([info]).layers[0], z_reference="ellipsoid")
    if info.crs and info.crs_confidence >= SURE:
        return plan
    if "huge coordinates" in info.crs_evidence:
        return replace(plan, crs="EPSG:3857", crs_evidence="given")
    return replace(plan, placement=ELSEWHERE)


def compared(path: Path, seconds: float = 180.0) -> Row:
    """One model both ways."""
    told = bare(path, seconds)
    info = IfcLoader().scan(path)[0]
    with tempfile.TemporaryDirectory(prefix="citytwin-models-") as folder:
        city = City.init(Path(folder) / "city", name="models")
        with Store.open(city) as store:
            result = load_layers(store, Heights(0.0), [(info, planned(info))])[0]
            if result.status != "loaded" or result.balance.quarantined:
                told.ended += f"; {result.status}: {result.reason or result.balance}"
            things, ids = store.table(_THINGS).to_pylist(), store.table(_IDS).to_pylist()
            sure = told.boxes and info.crs and info.crs_confidence >= SURE
            boxes = _boxes(store.table(_MESHES).to_pylist(), city.assets) if sure else {}
    return _row(path, info, told, things, ids, boxes)


_THINGS = """
    SELECT a.value AS key, e.collection, bool_or(g.mesh_id IS NOT NULL) AS meshed, bool_or(g.mesh_id LIKE '%box-%') AS boxed,
           bool_or(g.wkb IS NOT NULL) AS outlined, bool_or(g.role = 'centreline') AS line
    FROM alias a JOIN entity e USING (eid) LEFT JOIN geometry g USING (eid) WHERE a.scheme LIKE 'source:%' GROUP BY ALL
"""
_MESHES = """
    SELECT a.value AS key, g.asset, g.mesh_id, g.matrix FROM alias a JOIN geometry g USING (eid)
    WHERE a.scheme LIKE 'source:%' AND g.mesh_id IS NOT NULL
"""
_IDS = "SELECT value, count(DISTINCT eid) AS things, any_value(eid) AS eid FROM alias WHERE scheme = 'ifc.guid' GROUP BY value"


def _boxes(placed: list[dict[str, Any]], folder: Path) -> dict[str, Box]:
    """Box of each product's corners as they stand in the base, degrees and metres, by its key."""
    from pyproj import Transformer

    to_degrees = Transformer.from_crs("EPSG:4978", "EPSG:4979", always_xy=True)
    meshes = {
        (name, mesh["mesh_id"]): mesh
        for name in {p["asset"] for p in placed}
        for mesh in read_asset(folder, name).select(["mesh_id", "positions"]).to_pylist()
    }
    out = {}
    for one in placed:
        positions = meshes[one["asset"], one["mesh_id"]]["positions"]
        local = np.frombuffer(positions, "<f4").reshape(-1, 3).astype(float)
        matrix = np.array(one["matrix"]).reshape(4, 4)
        there = to_degrees.transform(*(local @ matrix[:3, :3].T + matrix[:3, 3]).T)
        out[one["key"]] = (*(min(v) for v in there), *(max(v) for v in there))
    return out


def _row(
    path: Path,
    info: LayerInfo,
    told: Bare,
    things: list[dict[str, Any]],
    ids: list[dict[str, Any]],
    boxes: dict[str, Box],
) -> Row:
    meshed = Counter(t["key"].partition("#")[0] for t in things if t["meshed"])
    lines = {t["key"] for t in things if t["line"]}
    rooms = Counter(t["key"].partition("#")[0] for t in things if t["collection"] == "rooms" and t["meshed"] and t["outlined"])  # fmt: skip
    spaces = Counter(m.decode() for m in _SPACE.findall(path.read_bytes()))
    once = {g for g, n in told.surfaces.items() if n == 1} | told.lines
    thing_of = {i["value"]: i["eid"] for i in ids if i["things"] == 1}
    id_of = {eid: value for value, eid in thing_of.items()}
    astray = sum(id_of.get(thing_of.get(g, ""), "") != g for g in once)
    offs = [_apart(told.boxes[key], box) for key, box in boxes.items() if key in told.boxes]
    return Row(
        path.stem,
        told.surfaces.total(),
        (meshed & told.surfaces).total(),
        meshed.total(),
        len(told.lines),
        len(lines & told.lines),
        sum(t["boxed"] or False for t in things),
        len(once),
        astray,
        spaces.total(),
        (rooms & spaces).total(),
        info.crs if info.crs_confidence >= SURE else None,
        len(offs),
        max(offs, default=None),
        told.ended,
    )


def _apart(want: Box, got: Box) -> float:
    """Metres between the farther of the two pairs of corners."""
    east = 111_320.0 * np.cos(np.radians(want[1]))
    scale = np.array([east, 110_574.0, 1.0] * 2)
    gap = (np.array(got) - np.array(want)) * scale
    return float(max(np.hypot(gap[0], gap[1]), np.hypot(gap[3], gap[4]), abs(gap[2]), abs(gap[5])))


def models_in(given: Sequence[Path]) -> list[Path]:
    """The models among files and folders."""
    return [p for g in given for p in (sorted(g.glob("*.ifc*")) if g.is_dir() else [g])]


def main(arguments: list[str] | None = None) -> int:
    """Run it; exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", type=Path, default=[DEFAULT])
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--json", nargs="?", const="-", default=None)
    parser.add_argument("--bare", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.bare:
        for said in iterate(asked.bare):
            sys.stdout.write(json.dumps(said) + "\n")
            sys.stdout.flush()
        return 0
    rows = []
    if asked.json != "-":
        sys.stdout.write(HEAD + "\n")
    for path in models_in(asked.models):
        rows.append(compared(path, asked.seconds))
        if asked.json != "-":
            sys.stdout.write(rows[-1].line() + "\n")
            sys.stdout.flush()
    if asked.json is not None:
        text = json.dumps([asdict(r) | {"faults": r.faults()} for r in rows], indent=1)
        sys.stdout.write(text) if asked.json == "-" else Path(asked.json).write_text(text)
    return 1 if any(r.faults() for r in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
