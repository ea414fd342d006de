"""Outline of a model on the ground, in its own metres: what is compared with footprints."""

import shapely
from shapely.geometry.base import BaseGeometry

from loaders.ifc.footprints import covered, tidy
from loaders.ifc.shapeindex import ShapeIndex
from loaders.ifc.structure import Node, attribute_of, has_surface, is_kind

__all__ = ["ground_elements", "ground_outline"]

_SHELL = (
    "IfcWall",
    "IfcSlab",
    "IfcCurtainWall",
    "IfcColumn",
    "IfcSpace",
    "IfcRoof",
    "IfcPlate",
    "IfcFooting",
)
_LAST = ("IfcBuildingElementProxy", "IfcMember", "IfcBeam", "IfcElementAssembly")
MOST = 1_500
"""Elements that are shaped for an outline."""


def ground_elements(nodes: list[Node], unit: float) -> list[Node]:
    """Elements whose outline from above is that of the building, those of its lower storeys first.

    Parameters
    ----------
    nodes : list of Node
    unit : float
        Metres in one project length unit.

    Returns
    -------
    list of Node
        At most ``MOST``: walls, slabs, spaces …; anything with a shape where there are none.
    """
    by_step = {n.step: n for n in nodes}

    def height(node: Node) -> float:
        storey = by_step.get(node.storey) if node.storey is not None else None
        elevation = attribute_of(storey.entity, "Elevation") if storey is not None else None
        return abs(float(elevation) * unit) if elevation is not None else 0.0

    for classes in (_SHELL, _LAST):
        found = [
            n for n in nodes if any(is_kind(n.entity, c) for c in classes) and has_surface(n.entity)
        ]
        if found:
            break
    else:
        found = [n for n in nodes if has_surface(n.entity) and not is_kind(n.entity, "IfcSite")]
    if len(found) > MOST:
        storey_height = {n.step: height(n) for n in found}
        found.sort(key=lambda n: storey_height[n.step])
    return found[:MOST]


def ground_outline(nodes: list[Node], index: ShapeIndex) -> tuple[BaseGeometry, float]:
    """Union of what the elements cover from above, and their lowest z (model metres).

    Gaps up to 60 cm (doors, joints) are closed and holes below 2 % of the area filled: a footprint
    shows the building, not its walls. An empty polygon where there is nothing.
    """
    parts, lows = covered(index, [node.step for node in nodes])
    if not len(parts):
        return shapely.Polygon(), 0.0
    low = lows.min()
    whole = tidy(shapely.union_all(parts, grid_size=0.001), 0.3)
    polygons = [p for p in shapely.get_parts(whole) if p.geom_type == "Polygon"]
    if not polygons:
        return shapely.Polygon(), float(low)
    largest = max(p.area for p in polygons)
    kept = []
    for polygon in polygons:
        if polygon.area < 0.05 * largest:
            continue
        holes = [r for r in polygon.interiors if shapely.Polygon(r).area > 0.02 * largest]
        kept.append(shapely.Polygon(polygon.exterior, holes))
    return (kept[0] if len(kept) == 1 else shapely.MultiPolygon(kept)), float(low)
