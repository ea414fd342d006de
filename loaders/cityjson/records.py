"""City objects → RECORDS, REPRESENTATIONS and MESHES."""

from collections.abc import Mapping  # noqa: TC003 (a dataclass field needs it at run time)
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import shapely
from numpy.typing import NDArray

from loaders.base import Batch
from loaders.cityjson.boundaries import Faces, faces_of, footprint_of, triangulate
from loaders.cityjson.document import Feature, Header
from loaders.fieldnames import NUMERIC, canonical_fields
from loaders.meshing import Mesh, mesh_table
from twin.plan import LayerPlan
from twin.schema import RECORDS, REPRESENTATIONS

__all__ = ["RecordBuilder"]

Json = dict[str, Any]
FloatArray = NDArray[np.float64]
_CLASSES = {
    "Building": "building",
    "BuildingPart": "building_part",
    "BuildingStorey": "storey",
    "BuildingRoom": "room",
    "Room": "room",
    "BuildingUnit": "unit",
    "Bridge": "bridge",
    "BridgePart": "bridge",
    "Tunnel": "tunnel",
    "TunnelPart": "tunnel",
    "Road": "road",
    "TransportSquare": "road",
    "Square": "road",
    "WaterBody": "water",
    "Waterway": "water",
    "PlantCover": "green",
    "SolitaryVegetationObject": "green",
    "CityFurniture": "component",
}
_ELEMENTS = ("Installation", "ConstructiveElement", "Furniture")
_OWN = {
    "measuredHeight": "height_m",
    "storeysAboveGround": "floors",
    "storeysBelowGround": "floors_below",
    "yearOfConstruction": "year_built",
    "function": "usage",
}
_CODES = ("building_code", "楼栋编码", "楼栋代码", "building.code")


def _class_of(kind: str, plan: LayerPlan) -> str:
    if kind in _CLASSES:
        return _CLASSES[kind]
    return "element" if kind.endswith(_ELEMENTS) else (plan.class_code or "other")


@dataclass(slots=True)
class RecordBuilder:
    """Collects records, further representations and meshes until a batch is full.

    Parameters
    ----------
    header : Header
        Of the file.
    plan : LayerPlan
        Mapping of attributes.
    metres : ndarray, shape (3,)
        Metres in one unit of x, y and z of the source CRS (degrees for a geographic one).
    """

    header: Header
    plan: LayerPlan
    metres: FloatArray
    row: int = 0
    records: list[Json] = field(default_factory=list)
    further: list[Json] = field(default_factory=list)
    meshes: list[Mesh] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)
    origins: dict[str, FloatArray] = field(default_factory=dict)

    def add(self, feature: Feature) -> None:
        """All objects of a feature, or the one record that says why there are none."""
        if feature.fault is not None:
            self._append(
                {"key": None, "class_code": "other", "role": "none", "attributes": "{}"},
                [feature.fault],
            )
        for key, item in feature.objects.items():
            if isinstance(item, dict):
                self._object(key, item, feature.vertices)
            else:
                self._append(
                    {"key": key, "class_code": "other", "role": "none", "attributes": "{}"},
                    ["the object is no JSON object"],
                )

    def take(self) -> Batch:
        """The batch collected so far; the builder is empty again."""
        batch = Batch(
            pa.Table.from_pylist(self.records, schema=RECORDS),
            mesh_table(self.meshes) if self.meshes else None,
            pa.Table.from_pylist(self.further, schema=REPRESENTATIONS) if self.further else None,
        )
        self.records, self.further, self.meshes = [], [], []
        return batch

    def _append(self, record: Json, faults: list[str]) -> None:
        key = record["key"]
        if key is not None and key in self.seen:
            faults = [*faults, f"duplicate id {key!r}: the first record with it was kept"]
        elif key is not None:
            self.seen.add(key)
        self.records.append(record | {"row": self.row, "fault": "; ".join(faults) or None})
        self.row += 1

    def _object(self, key: str, item: Json, vertices: FloatArray) -> None:
        kind = str(item.get("type", ""))
        attributes, name, aliases = self._attributes(key, item)
        record: Json = {
            "key": key,
            "name": name,
            "class_code": _class_of(kind, self.plan),
            "aliases": aliases,
            "role": "none",
        }
        parents = item.get("parents")
        if isinstance(parents, list) and parents:
            record |= {"parent_key": str(parents[0]), "relation": "part_of"}
        faults, notes = self._shapes(key, item, vertices, record)
        if notes:
            attributes["notes"] = notes
        record["attributes"] = orjson.dumps({"cityjson_type": kind} | attributes).decode()
        self._append(record, faults)

    def _attributes(self, key: str, item: Json) -> tuple[Json, str | None, list[Json]]:
        given = item.get("attributes")
        raw: Mapping[str, Any] = given if isinstance(given, dict) else {}
        fields = self.plan.fields or {
            **canonical_fields([n for n in raw if n not in _OWN], "features"),
            **_OWN,
        }
        out: Json = {}
        name = raw.get("name")
        for source, value in raw.items():
            target = fields.get(source, source)
            if target == "name":
                name = name or value
            elif target == "key" or value is None:
                if value is not None:
                    out[source] = value
            elif target in NUMERIC and not isinstance(value, int | float):
                out[source] = value
            else:
                out.setdefault(target, value)
        if item.get("address"):
            out["address_parts"] = item["address"]
        aliases = [{"scheme": "cityjson.id", "value": key}]
        code = next((str(raw[c]) for c in _CODES if raw.get(c)), None)
        if code:
            aliases.append({"scheme": "building.code", "value": code})
        ordered = {k: out[k] for k in NUMERIC if k in out} | {
            k: v for k, v in out.items() if k not in NUMERIC
        }
        return ordered, str(name) if name is not None else None, aliases

    def _shapes(
        self, key: str, item: Json, vertices: FloatArray, record: Json
    ) -> tuple[list[str], list[str]]:
        """Geometry of a record: finest mesh and footprint in it, coarser ones as representations; (faults, notes)."""
        geometries = item.get("geometry")
        if not isinstance(geometries, list) or not geometries:
            return [], []
        solids: list[tuple[str, Faces, FloatArray]] = []
        faults: list[str] = []
        notes: list[str] = []
        for geometry in geometries:
            if not isinstance(geometry, dict):
                notes.append("a geometry is no JSON object")
            elif geometry.get("type") == "GeometryInstance":
                self._instance(geometry, vertices, record, notes)
            elif geometry.get("type") in ("MultiPoint", "MultiLineString"):
                _plain(geometry, vertices, record, notes)
            else:
                faces = faces_of(geometry, len(vertices))
                if faces is None or not faces.rings:
                    notes.append(
                        f"geometry {geometry.get('type')!r} of LoD {geometry.get('lod')} has no usable face"
                    )
                    continue
                if faces.skipped:
                    notes.append(
                        f"{faces.skipped} faces of LoD {faces.lod} were skipped (corners missing or out of range)"
                    )
                solids.append((faces.lod, faces, vertices))
        self._surfaces(key, solids, record, notes)
        if record["role"] == "none" and notes:
            faults.append("no geometry of it can be used: " + "; ".join(notes))
        return faults, notes

    def _surfaces(
        self,
        key: str,
        solids: list[tuple[str, Faces, FloatArray]],
        record: Json,
        notes: list[str],
    ) -> None:
        solids.sort(key=lambda s: _lod_rank(s[0]))
        plan = None
        for _, faces, vertices in [*(s for s in solids if s[0].startswith("0")), *reversed(solids)]:
            plan = plan or footprint_of(faces, vertices)
        if plan is not None:
            polygon = shapely.to_wkb(
                shapely.force_3d(plan[0], plan[1]), output_dimension=3, flavor="iso"
            )
            role = (
                "footprint"
                if record["class_code"] in ("building", "building_part", "bridge")
                else "area"
            )
            record |= {"geometry": polygon, "role": role, "lod": "0"}
        meshed = [s for s in solids if not s[0].startswith("0")] or (
            solids if record["class_code"] not in ("building", "building_part") else []
        )
        for position, (lod, faces, vertices) in enumerate(reversed(meshed)):
            made = triangulate(f"{key}/{lod}/{self.row}", faces, vertices * self.metres)
            if made is None:
                notes.append(f"LoD {lod} has no area or a vertex that is no number")
                continue
            mesh, origin = made
            self.meshes.append(mesh)
            matrix = np.diag([*(1.0 / self.metres), 1.0])
            matrix[:3, 3] = origin / self.metres
            entry = {
                "role": "mesh",
                "lod": lod or None,
                "mesh_id": mesh.mesh_id,
                "matrix": matrix.ravel(),
            }
            if position == 0:
                record |= entry
            else:
                self.further.append(entry | {"key": key})

    def _instance(
        self, geometry: Json, vertices: FloatArray, record: Json, notes: list[str]
    ) -> None:
        """A shared template placed at a point."""
        try:
            number, at = int(geometry["template"]), vertices[int(geometry["boundaries"][0])]
            template = self.header.templates[number]
            local = np.asarray(
                geometry.get("transformationMatrix") or np.eye(4).ravel(), dtype=np.float64
            ).reshape(4, 4)
        except (KeyError, IndexError, TypeError, ValueError) as err:
            notes.append(f"a template cannot be placed ({type(err).__name__}: {err})")
            return
        name = f"template/{number}"
        if name not in self.origins:
            faces = faces_of(template, len(self.header.template_vertices))
            made = (
                triangulate(name, faces, self.header.template_vertices)
                if faces is not None and faces.rings
                else None
            )
            if made is None:
                notes.append(f"template {number} has no usable face")
                return
            self.meshes.append(made[0])
            self.origins[name] = made[1]
        matrix = local.copy()
        matrix[:3, 3] += local[:3, :3] @ self.origins[name]
        scaled = np.diag([*(1.0 / self.metres), 1.0]) @ matrix
        scaled[:3, 3] += at
        record |= {
            "role": "mesh",
            "lod": str(template.get("lod", "")) or None,
            "mesh_id": name,
            "matrix": scaled.ravel(),
        }


def _lod_rank(lod: str) -> float:
    try:
        return float(lod)
    except ValueError:
        return -1.0


def _plain(geometry: Json, vertices: FloatArray, record: Json, notes: list[str]) -> None:
    """Points and lines as they are."""
    try:
        if geometry["type"] == "MultiPoint":
            shape: shapely.Geometry = shapely.MultiPoint(
                vertices[np.asarray(geometry["boundaries"], dtype=np.int64)]
            )
            role = "point"
        else:
            shape = shapely.MultiLineString(
                [vertices[np.asarray(line, dtype=np.int64)] for line in geometry["boundaries"]]
            )
            role = "centreline"
    except (IndexError, ValueError, TypeError, KeyError, shapely.errors.GEOSException) as err:
        notes.append(f"{geometry.get('type')} cannot be read ({err})")
        return
    record |= {
        "geometry": shapely.to_wkb(shape, output_dimension=3, flavor="iso"),
        "role": role,
        "lod": "0",
    }
