"""City object types of CityJSON and CityGML (2.0, 3.0): class codes and colours of semantic surfaces."""

from functools import cache

import numpy as np

__all__ = ["PLAIN", "SURFACE_COLORS", "class_of", "packed_color", "role_of", "surface_color"]

_CLASSES = {
    "Building": "building",
    "BuildingPart": "building_part",
    "BuildingStorey": "storey",
    "Storey": "storey",
    "BuildingRoom": "room",
    "Room": "room",
    "BuildingUnit": "unit",
    "BuildingSubdivision": "unit",
    "Bridge": "bridge",
    "BridgePart": "bridge",
    "BridgeRoom": "room",
    "Tunnel": "tunnel",
    "TunnelPart": "tunnel",
    "HollowSpace": "room",
    "TunnelHollowSpace": "room",
    "Road": "road",
    "Track": "road",
    "Square": "road",
    "TransportSquare": "road",
    "TransportationComplex": "road",
    "Section": "road",
    "Intersection": "road",
    "TrafficSpace": "road",
    "AuxiliaryTrafficSpace": "road",
    "WaterBody": "water",
    "Waterway": "water",
    "PlantCover": "green",
    "SolitaryVegetationObject": "green",
    "CityFurniture": "component",
}
_ELEMENTS = ("Installation", "ConstructiveElement", "Furniture", "ConstructionElement")
SURFACE_COLORS = {
    "RoofSurface": (178, 92, 74, 255),
    "WallSurface": (226, 216, 198, 255),
    "GroundSurface": (140, 136, 128, 255),
    "OuterFloorSurface": (165, 160, 150, 255),
    "OuterCeilingSurface": (205, 198, 186, 255),
    "ClosureSurface": (210, 210, 210, 120),
    "Window": (120, 160, 190, 150),
    "WindowSurface": (120, 160, 190, 150),
    "Door": (120, 84, 58, 255),
    "DoorSurface": (120, 84, 58, 255),
    "WaterSurface": (120, 170, 205, 220),
    "WaterGroundSurface": (90, 110, 120, 255),
    "TrafficArea": (150, 150, 150, 255),
    "AuxiliaryTrafficArea": (172, 172, 160, 255),
    "InteriorWallSurface": (236, 232, 224, 255),
    "FloorSurface": (190, 176, 156, 255),
    "CeilingSurface": (240, 240, 236, 255),
}
PLAIN = (217, 212, 199, 255)
_FOOTPRINTS = ("building", "building_part", "bridge")


@cache
def class_of(kind: str, fallback: str | None) -> str:
    """Class code of a city object type; ``fallback`` (else ``other``) for a type without one.

    Examples
    --------
    >>> class_of("BuildingPart", None), class_of("+NoiseBarrier", None), class_of("BridgeInstallation", None)
    ('building_part', 'other', 'element')
    """
    if kind in _CLASSES:
        return _CLASSES[kind]
    return "element" if kind.endswith(_ELEMENTS) else (fallback or "other")


def role_of(class_code: str) -> str:
    """Role of the outline of a thing of this class."""
    return "footprint" if class_code in _FOOTPRINTS else "area"


def packed_color(rgba: tuple[int, int, int, int]) -> int:
    """RGBA bytes as one little-endian number.

    Examples
    --------
    >>> hex(packed_color((1, 2, 3, 255)))
    '0xff030201'
    """
    return int(np.array(rgba, np.uint8).view("<u4")[0])


@cache
def surface_color(kind: str | None) -> int:
    """Packed colour in which a semantic surface is drawn where it has no material of its own."""
    return packed_color(SURFACE_COLORS.get(kind or "", PLAIN))
