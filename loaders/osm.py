"""OpenStreetMap extracts (PBF with any blob compression, XML) as layers of buildings, roads, water, green, places.

Every tagged object is in exactly one layer, ``other`` the last of them; multipolygon relations are assembled,
and what cannot be assembled or has nodes outside of the extract keeps its row with the reason.
"""

import re
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import osmium
import osmium.filter
import osmium.geom
import pyarrow as pa
import pyarrow.compute as pc
import shapely

from loaders.base import Batch, LayerInfo
from loaders.columns import Faults
from loaders.features import feature_records
from loaders.gdalio import head_of, refuse_dangerous
from loaders.keys import KeyLedger
from loaders.wkb import checked
from twin.errors import SourceError
from twin.plan import LayerPlan
from twin.schema import RECORDS

__all__ = ["OsmLoader", "layer_of"]

LAYERS = ("buildings", "building_parts", "roads", "water", "green", "poi", "other")
_AREAS = {"buildings", "building_parts", "water", "green", "poi", "other"}
"""Layers in which a closed way or a multipolygon is an area."""
_KEPT = {
    "buildings": (
        "building",
        "building:levels",
        "height",
        "min_height",
        "roof:shape",
        "addr:street",
        "addr:housenumber",
    ),
    "building_parts": ("building:part", "building:levels", "height", "min_height", "roof:shape"),
    "roads": (
        "highway",
        "ref",
        "lanes",
        "maxspeed",
        "oneway",
        "bridge",
        "tunnel",
        "layer",
        "surface",
    ),
    "water": ("natural", "waterway", "water", "landuse"),
    "green": ("leisure", "landuse", "natural"),
    "poi": (
        "amenity",
        "shop",
        "tourism",
        "office",
        "leisure",
        "public_transport",
        "addr:street",
        "addr:housenumber",
    ),
    "other": (),
}
"""Tags that become fields of their own; the others follow behind them."""
_GREEN = re.compile(
    r"^(park|garden|golf_course|nature_reserve|grass|forest|meadow|recreation_ground|village_green|cemetery|orchard|"
    r"allotments|wood|scrub|grassland|heath)$"
)
_POI = (
    "amenity",
    "shop",
    "tourism",
    "office",
    "leisure",
    "public_transport",
    "historic",
    "healthcare",
    "craft",
)
_LINEAR = (
    "highway",
    "barrier",
    "railway",
    "waterway",
    "power",
    "route",
    "aerialway",
    "natural=cliff",
)
COUNTED = 64 * 1024**2
"""Files up to this size are counted by scan; larger ones are read when they are loaded."""
_BROKEN = (RuntimeError, OSError, ValueError, osmium.InvalidLocationError)


def layer_of(kind: str, tags: Mapping[str, str]) -> str:
    """The layer of a tagged object.

    Parameters
    ----------
    kind : str
        ``n``, ``w`` or ``r``.
    tags : mapping of str → str

    Examples
    --------
    >>> layer_of("w", {"building": "yes"}), layer_of("n", {"amenity": "school"}), layer_of("n", {"highway": "stop"})
    ('buildings', 'poi', 'other')
    """
    if kind != "n" and tags.get("building", "no") != "no":
        return "buildings"
    if kind != "n" and tags.get("building:part", "no") != "no":
        return "building_parts"
    if kind == "w" and "highway" in tags:
        return "roads"
    landuse, natural = tags.get("landuse", ""), tags.get("natural", "")
    if kind != "n" and (
        natural == "water" or "waterway" in tags or landuse in ("reservoir", "basin")
    ):
        return "water"
    if kind != "n" and any(_GREEN.match(v) for v in (tags.get("leisure", ""), landuse, natural)):
        return "green"
    if (
        any(key in tags for key in _POI)
        or tags.get("highway") == "bus_stop"
        or tags.get("railway") == "station"
    ):
        return "poi"
    return "other"


def _is_area_relation(tags: Mapping[str, str]) -> bool:
    return tags.get("type") in ("multipolygon", "boundary")


def _bare(tags: Mapping[str, str]) -> bool:
    """Whether tags say nothing about a thing itself."""
    return not (tags.keys() - {"type", "source", "created_by", "note", "fixme"})


@dataclass
class _Rows:
    """Records of one batch as they are gathered."""

    ids: list[str] = field(default_factory=list)
    tags: list[dict[str, str]] = field(default_factory=list)
    wkb: list[bytes | None] = field(default_factory=list)
    closed: list[bool] = field(default_factory=list)
    faults: list[str | None] = field(default_factory=list)

    def add(
        self,
        key: str,
        tags: dict[str, str],
        wkb: bytes | None,
        *,
        area: bool = False,
        fault: str | None = None,
    ) -> None:
        self.ids.append(key)
        self.tags.append(tags)
        self.wkb.append(wkb)
        self.closed.append(area)
        self.faults.append(fault)


class OsmLoader:
    """OSM PBF and XML."""

    name = "osm"

    def supports(self, path: Path) -> bool:
        """Whether it is named and starts as an OSM extract does (a ``.pbf`` may also be a vector tile)."""
        extension = path.suffix.lower()
        if extension == ".pbf":
            return b"OSMHeader" in head_of(path, 64)
        return extension == ".osm" and path.is_file()

    def scan(self, path: Path) -> list[LayerInfo]:
        """Its layers, those without records left out where the file is small enough to be counted.

        Raises
        ------
        SourceError
            If it is damaged.
        """
        refuse_dangerous(path)
        findings = ["OpenStreetMap data: © OpenStreetMap contributors, ODbL"]
        counts: Counter[str] | None = None
        try:
            box = _header_box(path)
            if path.stat().st_size <= COUNTED:
                counts, links = _counted(path)
                if links:
                    findings.append(
                        f"{links} relations of other kinds (routes, restrictions …) are no features"
                    )
        except _BROKEN as err:
            raise SourceError(path, f"is no OSM extract that can be read: {err}") from err
        names = [n for n in LAYERS if counts is None or counts[n]] or ["other"]
        return [
            LayerInfo(
                path=path,
                name=name,
                kind="features",
                format="OSM PBF" if path.suffix.lower() == ".pbf" else "OSM XML",
                count=None if counts is None else counts[name],
                geometry_type="LineString" if name == "roads" else "Unknown",
                fields=dict.fromkeys(("id", "name", *_KEPT[name]), "string"),
                crs="EPSG:4326",
                bounds=box,
                encoding="UTF-8",
                findings=tuple(findings),
            )
            for name in names
        ]

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:
        """Records of one layer; see :mod:`loaders.base`. Memory: 16 bytes per node of the extract.

        Raises
        ------
        SourceError
            If the file breaks off.
        """
        refuse_dangerous(layer.path)
        ledger, start = KeyLedger(), 0
        try:
            with _sorted(layer.path, layer.name) as path:
                for rows in _gathered(path, layer.name, batch_size):
                    yield _batch(rows, layer.name, plan, start, ledger)
                    start += len(rows.ids)
            if layer.count not in (None, start):
                said = f"of {layer.count} objects of this layer {start} were read: the others are earlier states of these"
                yield Batch(RECORDS.empty_table(), findings=(said,))
        except _BROKEN as err:
            raise SourceError(layer.path, f"breaks off or is damaged: {err}") from err


def _header_box(path: Path) -> tuple[float, float, float, float] | None:
    with osmium.io.Reader(str(path)) as reader:
        box = reader.header().box()
    if not box.valid():
        return None
    low, high = box.bottom_left, box.top_right
    return float(low.lon), float(low.lat), float(high.lon), float(high.lat)


@contextmanager
def _sorted(path: Path, layer: str) -> Iterator[Path]:
    """The file, or a copy with its objects in order where areas need it (assembling takes no other)."""
    if layer not in _AREAS or _in_order(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="citytwin-osm-") as folder:
        copy = Path(folder) / "sorted.osm.pbf"
        unsorted = osmium.MergeInputReader()
        unsorted.add_file(str(path))
        with osmium.SimpleWriter(str(copy)) as writer:
            unsorted.apply(writer, simplify=True)
        yield copy


def _in_order(path: Path) -> bool:
    """Whether ways and relations come by rising number, as the header may say wrongly."""
    last = {"w": -1, "r": -1}
    entities = osmium.osm.osm_entity_bits.WAY | osmium.osm.osm_entity_bits.RELATION
    things: Iterable[Any] = osmium.FileProcessor(str(path), entities)
    for thing in things:
        kind = thing.type_str()
        if thing.id <= last[kind]:
            return False
        last[kind] = thing.id
    return True


def _tagged(path: Path) -> osmium.FileProcessor:
    return osmium.FileProcessor(str(path)).with_filter(osmium.filter.EmptyTagFilter())


def _counted(path: Path) -> tuple[Counter[str], int]:
    """Objects per layer, and relations that are none."""
    counts: Counter[str] = Counter()
    links = 0
    for thing in _tagged(path):
        tags, kind = dict(thing.tags), thing.type_str()
        if kind == "r" and not _is_area_relation(tags):
            links += 1
        elif not _bare(tags):
            counts[layer_of(kind, tags)] += 1
    return counts, links


def _gathered(path: Path, layer: str, size: int) -> Iterator[_Rows]:
    """Rows of a layer in batches; relations that could not be assembled at the end."""
    factory = osmium.geom.WKBFactory()
    rows = _Rows()
    open_relations: dict[int, dict[str, str]] = {}
    source = osmium.FileProcessor(str(path)).with_locations()
    if layer in _AREAS:
        source = source.with_areas()
    things: Iterable[Any] = source.with_filter(osmium.filter.EmptyTagFilter())
    for thing in things:
        kind = thing.type_str()
        if kind == "a":
            if (
                not thing.from_way()
                and (tags := open_relations.pop(thing.orig_id(), None)) is not None
            ):
                _add_area(rows, thing, tags, factory)
        else:
            tags = dict(thing.tags)
            if (
                _bare(tags)
                or (kind == "r" and not _is_area_relation(tags))
                or layer_of(kind, tags) != layer
            ):
                continue
            if kind == "r":
                open_relations[thing.id] = tags
            else:
                _add(rows, thing, kind, tags, layer, factory)
        if len(rows.ids) >= size:
            yield rows
            rows = _Rows()
    for number, tags in open_relations.items():
        rows.add(
            f"r{number}",
            tags,
            None,
            fault="its rings cannot be closed (members outside of the extract or broken)",
        )
        if len(rows.ids) >= size:
            yield rows
            rows = _Rows()
    yield rows


def _add_area(
    rows: _Rows,
    area: Any,  # noqa: ANN401 -- osmium ships no type for it
    tags: dict[str, str],
    factory: osmium.geom.WKBFactory,
) -> None:
    """An assembled multipolygon relation."""
    key = f"r{area.orig_id()}"
    try:
        rows.add(key, tags, bytes.fromhex(factory.create_multipolygon(area)), area=True)
    except (osmium.InvalidLocationError, RuntimeError) as err:
        rows.add(key, tags, None, fault=f"its rings make no area ({err})")


def _add(
    rows: _Rows,
    thing: Any,  # noqa: ANN401 -- node or way
    kind: str,
    tags: dict[str, str],
    layer: str,
    factory: osmium.geom.WKBFactory,
) -> None:
    """A node or way; closed ways of area layers become polygons later, all at once."""
    key = f"{kind}{thing.id}"
    try:
        if kind == "n":
            rows.add(key, tags, bytes.fromhex(factory.create_point(thing)))
            return
        area = layer in _AREAS and _is_area(thing, tags, layer)
        wkb = bytes.fromhex(factory.create_linestring(thing, osmium.geom.use_nodes.ALL))
        open_building = layer in ("buildings", "building_parts") and not area
        rows.add(
            key,
            tags,
            wkb,
            area=area,
            fault="is a building but its outline is not closed" if open_building else None,
        )
    except (osmium.InvalidLocationError, RuntimeError) as err:
        rows.add(key, tags, None, fault=f"its nodes are not all in the extract ({err})")


def _is_area(way: Any, tags: Mapping[str, str], layer: str) -> bool:  # noqa: ANN401 -- osmium ships no types
    if len(way.nodes) < 4 or not way.is_closed() or tags.get("area") == "no":
        return False
    return layer != "other" or tags.get("area") == "yes" or not any(k in tags for k in _LINEAR)


def _column(tags: list[dict[str, str]], name: str) -> pa.Array:
    """A tag as a column; heights and storeys only where they are numbers (others stay among the further tags)."""
    if name in ("height", "min_height", "building:levels"):
        return pa.array([_measure(t, name) for t in tags], pa.string())
    return pa.array([t.pop(name, None) for t in tags], pa.string())


def _measure(tags: dict[str, str], name: str) -> str | None:
    if re.fullmatch(r"\s*\d+(\.\d+)?\s*m?\s*", tags.get(name, "")):
        return tags.pop(name).strip()
    return None


def _batch(rows: _Rows, layer: str, plan: LayerPlan, start: int, ledger: KeyLedger) -> Batch:
    n = len(rows.ids)
    faults = Faults(n)
    faults.add(
        np.array([f is not None for f in rows.faults], dtype=bool), lambda i: str(rows.faults[i])
    )
    shapes = shapely.from_wkb(np.array(rows.wkb, dtype=object), on_invalid="ignore")
    closed = np.array(rows.closed, dtype=bool) & (shapely.get_type_id(shapes) == 1)
    if closed.any():
        coords, owner = shapely.get_coordinates(shapes[closed], return_index=True)
        ends = np.concatenate([[0], np.cumsum(np.bincount(owner))])
        rings = np.arange(len(ends))
        shapes[closed] = shapely.from_ragged_array(
            shapely.GeometryType.POLYGON, coords, (ends, rings)
        )
    own = Faults(n)
    wkb, dimension, findings = checked(
        pa.array(shapely.to_wkb(shapes), pa.binary()), own, required=True
    )
    faults.add(own.mask & ~faults.mask, own.reason)
    columns = {"id": pa.array(rows.ids, pa.string())}
    columns |= {name: _column(rows.tags, name) for name in ("name", *_KEPT[layer])}
    row = np.arange(start, start + n, dtype=np.int64)
    records = feature_records(columns, wkb, dimension, plan, plan.fields, row, faults, ledger)
    extra = pa.array([orjson.dumps(t).decode() for t in rows.tags], pa.string())
    at = records.schema.get_field_index("attributes")
    merged = _merged(records["attributes"].combine_chunks(), extra)
    return Batch(records.set_column(at, records.schema.field(at), merged), findings=tuple(findings))


def _merged(first: pa.Array, second: pa.Array) -> pa.Array:
    """JSON objects of two columns as one each; their names differ."""
    head = pc.utf8_slice_codeunits(first, 0, -1)
    tail = pc.utf8_slice_codeunits(second, 1)
    comma = pc.if_else(pc.or_(pc.equal(first, "{}"), pc.equal(second, "{}")), "", ",")
    return pc.binary_join_element_wise(head, comma, tail, "")
