"""City objects of CityJSON → drafts: types, attributes, addresses, parents, geometries."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from loaders.cityjson.appearance import Look
from loaders.cityjson.boundaries import DEPTH, ShapeCollector
from loaders.cityjson.document import Feature
from loaders.cityjson.scanning import Packed
from loaders.citymodel.attributes import AttributeMapper
from loaders.citymodel.classes import class_of
from loaders.citymodel.drafts import Draft

__all__ = ["Drafter"]

Json = dict[str, Any]
FloatArray = NDArray[np.float64]
_BARE = {"type", "geometry", "attributes", "children"}
_KNOWN = {"type", "geometry", "attributes", "parents", "address", "geographicalExtent", "children"}


@dataclass(slots=True)
class Drafter:
    """Drafts of the objects of one file, with the shapes of the batch under way.

    Parameters
    ----------
    mapper : AttributeMapper
        Mapping of attributes.
    templates : mapping of int → LoD
        Templates that have a mesh.
    """

    mapper: AttributeMapper
    templates: Mapping[int, str]
    collector: ShapeCollector = field(default_factory=ShapeCollector)
    look: Look | None = None

    def draft(self, key: str, item: Any, feature: Feature) -> Draft:  # noqa: ANN401 (JSON)
        """One object of a feature as a draft; one that makes no sense carries its fault."""
        if not isinstance(item, dict):
            return Draft(key, "", "other", faults=["the object is no JSON object"])
        kind, raw, plain = str(item.get("type", "")), item.get("attributes"), feature.text.plain
        draft = Draft(key, kind, class_of(kind, self.mapper.plan.class_code))
        draft.attributes["cityjson_type"] = kind
        if raw and isinstance(raw, dict):
            self.mapper.apply(draft, raw)
        draft.aliases.append(("cityjson.id", key))
        if not item.keys() <= _BARE or kind == "CityObjectGroup":
            self._describe(draft, item, feature)
        geometries = item.get("geometry")
        if type(geometries) is int and plain is not None:
            first, last = plain.packed.arrays[geometries : geometries + 2]
            draft.shapes.extend(self.collector.add_plain(plain, first, last))
        elif isinstance(geometries, list):
            for geometry in geometries:
                self._geometry(draft, geometry, feature, feature.text.packed)
        elif geometries is not None:
            draft.notes.append("its geometry is no list")
        return draft

    def _describe(self, draft: Draft, item: Json, feature: Feature) -> None:
        """What an object says besides its type, attributes and geometry."""
        parents = item.get("parents")
        if parents and isinstance(parents, list):
            draft.parent, draft.relation = str(parents[0]), "part_of"
            if len(parents) > 1:
                draft.attributes["further_parents"] = parents[1:]
        if item.get("address"):
            draft.attributes["address_parts"] = _addresses(item["address"], feature.xyz)
        if draft.kind == "CityObjectGroup" and item.get("children"):
            draft.attributes["members"] = item["children"]
        if not item.keys() <= _KNOWN:
            for name in sorted(item.keys() - _KNOWN):
                draft.attributes.setdefault(name, item[name])
        if item.get("geographicalExtent") and _is_bare(item.get("geometry"), feature):
            draft.attributes["geographicalExtent"] = item["geographicalExtent"]

    def _geometry(
        self,
        draft: Draft,
        geometry: Any,  # noqa: ANN401 (JSON)
        feature: Feature,
        packed: Packed | None,
    ) -> None:
        if not isinstance(geometry, dict):
            draft.notes.append("a geometry is no JSON object")
            return
        kind = geometry.get("type")
        if kind in DEPTH:
            place = self.collector.add(geometry, feature.xyz, self.look, packed)
            if place is None:
                draft.notes.append(
                    f"geometry {kind!r} of LoD {geometry.get('lod')} has no usable face"
                )
            else:
                draft.shapes.append(place)
        elif type(geometry.get("boundaries")) is int and packed is not None:
            self._simple(draft, geometry, feature, packed)
        elif kind == "GeometryInstance":
            self._instance(draft, geometry, feature.xyz)
        elif kind in ("MultiPoint", "MultiLineString"):
            _plain(draft, geometry, feature.xyz)
        else:
            draft.notes.append(f"geometry type {kind!r} is none of CityJSON's")

    def _simple(self, draft: Draft, geometry: Json, feature: Feature, packed: Packed) -> None:
        """Points, lines and instances, whose few numbers are lists again."""
        k = geometry["boundaries"]
        numbers: Any = packed.list_of(k).tolist()
        if packed.depth_of(k) == 2:
            ends = np.cumsum(packed.inner_of(k)).tolist()
            numbers = [numbers[a:b] for a, b in zip([0, *ends[:-1]], ends, strict=True)]
        self._geometry(draft, geometry | {"boundaries": numbers}, feature, None)

    def _instance(self, draft: Draft, geometry: Json, vertices: FloatArray) -> None:
        """A shared template placed at a point."""
        try:
            number, index = int(geometry["template"]), int(geometry["boundaries"][0])
            given = geometry.get("transformationMatrix") or np.eye(4).ravel()
            matrix = np.asarray(given, dtype=np.float64).reshape(4, 4)
            if not 0 <= index < len(vertices):
                raise IndexError(f"vertex {index} is not there")
        except (KeyError, IndexError, TypeError, ValueError) as err:
            draft.notes.append(f"a template cannot be placed ({type(err).__name__}: {err})")
            return
        if number not in self.templates:
            draft.notes.append(f"template {number} has no usable face")
            return
        lod = self.templates[number]
        draft.instances.append((f"template/{number}", lod, matrix, vertices[index]))


def _is_bare(geometries: object, feature: Feature) -> bool:
    """Whether an object has no geometry; a number may stand for plain ones."""
    return not geometries and (type(geometries) is not int or feature.text.plain is None)


def _addresses(given: Any, vertices: FloatArray) -> Any:  # noqa: ANN401 (JSON)
    """Addresses with their locations as coordinates in the source's CRS instead of vertex numbers."""
    out = []
    for one in given if isinstance(given, list) else [given]:
        location = one.get("location") if isinstance(one, dict) else None
        if isinstance(location, dict):
            try:
                index = np.asarray(location.get("boundaries"), np.int64).ravel()
                inside = index[(index >= 0) & (index < len(vertices))]
                one = one | {"location": vertices[inside].round(9).tolist()}
            except (TypeError, ValueError, OverflowError):
                pass
        out.append(one)
    return out if isinstance(given, list) else out[0]


def _plain(draft: Draft, geometry: Json, vertices: FloatArray) -> None:
    """Points and lines as they are."""
    try:
        if geometry["type"] == "MultiPoint":
            index = np.asarray(geometry["boundaries"], dtype=np.int64)
            shape: shapely.Geometry = shapely.MultiPoint(_at(vertices, index))
            role = "point"
        else:
            lines = [_at(vertices, np.asarray(i, np.int64)) for i in geometry["boundaries"]]
            shape, role = shapely.MultiLineString(lines), "centreline"
    except (
        IndexError,
        ValueError,
        TypeError,
        KeyError,
        OverflowError,
        shapely.errors.GEOSException,
    ) as err:
        draft.notes.append(f"{geometry.get('type')} cannot be read ({err})")
        return
    draft.plain = (shape, role)


def _at(vertices: FloatArray, index: NDArray[np.int64]) -> FloatArray:
    if len(index) and index.min() < 0:
        raise IndexError("a negative vertex number")
    return vertices[index]
