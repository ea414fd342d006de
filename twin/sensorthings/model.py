"""Entities of SensorThings 1.1: their properties, and what hangs on what."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final, Literal

__all__ = ["ENTITIES", "Entity", "Kind", "Link", "entity", "named"]

Kind = Literal["text", "json", "geo", "time", "interval", "result", "computed"]


@dataclass(frozen=True, slots=True)
class Link:
    """Where a navigation property leads.

    Parameters
    ----------
    target : str
        Name of the entity set.
    many : bool
        Whether it leads to a set.
    direct : str
        SQL condition between a row ``{a}`` of the source and a row ``{b}`` of the target.
    through : (table, source column, target column), optional
        The table that ties both, where there is no direct condition.
    """

    target: str
    many: bool
    direct: str = ""
    through: tuple[str, str, str] | None = None

    @property
    def on(self) -> str:
        """SQL condition between a row ``{a}`` of the source and a row ``{b}`` of the target."""
        if self.through is None:
            return self.direct
        table, source, target = self.through
        return f"EXISTS (FROM {table} x WHERE x.{source} = {{a}}.id AND x.{target} = {{b}}.id)"


@dataclass(frozen=True, slots=True)
class Entity:
    """One entity set.

    Parameters
    ----------
    name : str
        Of the set, such as ``Things``.
    one : str
        Of one of it, such as ``Thing``.
    properties : mapping of str to Kind
        In the order of the answer. Where one is ``geo`` its geometry is in the column ``geometry``.
    required : tuple of str
        Properties a new one must have.
    links : mapping of str to Link
    """

    name: str
    one: str
    properties: Mapping[str, Kind]
    required: tuple[str, ...]
    links: Mapping[str, Link] = field(default_factory=dict)

    @property
    def relation(self) -> str:
        """The view that has its rows, with a column per property."""
        return f"sta_{self.name}"


_NAMED: Final[dict[str, Kind]] = {"name": "text", "description": "text"}
_STREAM_LINKS: Final = {
    "Thing": Link("Things", False, "{a}._thing = {b}.id"),
    "Sensor": Link("Sensors", False, "{a}._sensor = {b}.id"),
    "Observations": Link("Observations", True, "{a}.id = {b}._datastream"),
}
_STREAM_PROPERTY: Final = ("sta_datastream_property", "datastream", "property")
_PROPERTY_STREAM: Final = ("sta_datastream_property", "property", "datastream")
_THING_LOCATION: Final = ("sta_thing_location", "thing", "location")
_LOCATION_THING: Final = ("sta_thing_location", "location", "thing")
_HISTORY_LOCATION: Final = ("sta_history_location", "history", "location")
_LOCATION_HISTORY: Final = ("sta_history_location", "location", "history")

_ALL: Final = (
    Entity(
        "Things", "Thing", {**_NAMED, "properties": "json"}, ("name", "description"),
        {
            "Locations": Link("Locations", True, through=_THING_LOCATION),
            "HistoricalLocations": Link("HistoricalLocations", True, "{b}._thing = {a}.id"),
            "Datastreams": Link("Datastreams", True, "{b}._thing = {a}.id"),
            "MultiDatastreams": Link("MultiDatastreams", True, "{b}._thing = {a}.id"),
        },
    ),
    Entity(
        "Locations", "Location", {**_NAMED, "encodingType": "text", "location": "geo", "properties": "json"},
        ("name", "description", "encodingType", "location"),
        {
            "Things": Link("Things", True, through=_LOCATION_THING),
            "HistoricalLocations": Link("HistoricalLocations", True, through=_LOCATION_HISTORY),
        },
    ),
    Entity(
        "HistoricalLocations", "HistoricalLocation", {"time": "time"}, ("time",),
        {
            "Thing": Link("Things", False, "{a}._thing = {b}.id"),
            "Locations": Link("Locations", True, through=_HISTORY_LOCATION),
        },
    ),
    Entity(
        "Datastreams", "Datastream",
        {**_NAMED, "observationType": "text", "unitOfMeasurement": "json", "observedArea": "json",
         "phenomenonTime": "computed", "resultTime": "computed", "properties": "json"},
        ("name", "description", "observationType", "unitOfMeasurement"),
        {**_STREAM_LINKS, "ObservedProperty": Link("ObservedProperties", False, through=_STREAM_PROPERTY)},
    ),
    Entity(
        "MultiDatastreams", "MultiDatastream",
        {**_NAMED, "observationType": "text", "multiObservationDataTypes": "json", "unitOfMeasurements": "json",
         "observedArea": "json", "phenomenonTime": "computed", "resultTime": "computed", "properties": "json"},
        ("name", "description", "multiObservationDataTypes", "unitOfMeasurements"),
        {**_STREAM_LINKS, "ObservedProperties": Link("ObservedProperties", True, through=_STREAM_PROPERTY)},
    ),
    Entity(
        "Sensors", "Sensor", {**_NAMED, "encodingType": "text", "metadata": "json", "properties": "json"},
        ("name", "description", "encodingType", "metadata"),
        {
            "Datastreams": Link("Datastreams", True, "{b}._sensor = {a}.id"),
            "MultiDatastreams": Link("MultiDatastreams", True, "{b}._sensor = {a}.id"),
        },
    ),
    Entity(
        "ObservedProperties", "ObservedProperty",
        {"name": "text", "definition": "text", "description": "text", "properties": "json"},
        ("name", "definition", "description"),
        {
            "Datastreams": Link("Datastreams", True, through=_PROPERTY_STREAM),
            "MultiDatastreams": Link("MultiDatastreams", True, through=_PROPERTY_STREAM),
        },
    ),
    Entity(
        "Observations", "Observation",
        {"phenomenonTime": "interval", "resultTime": "time", "result": "result", "resultQuality": "json",
         "validTime": "interval", "parameters": "json"},
        ("result",),
        {
            "Datastream": Link("Datastreams", False, "{a}._datastream = {b}.id"),
            "MultiDatastream": Link("MultiDatastreams", False, "{a}._datastream = {b}.id"),
            "FeatureOfInterest": Link("FeaturesOfInterest", False, "{a}._feature = {b}.id"),
        },
    ),
    Entity(
        "FeaturesOfInterest", "FeatureOfInterest",
        {**_NAMED, "encodingType": "text", "feature": "geo", "properties": "json"},
        ("name", "description", "encodingType", "feature"),
        {"Observations": Link("Observations", True, "{b}._feature = {a}.id")},
    ),
)  # fmt: skip

ENTITIES: Final[Mapping[str, Entity]] = MappingProxyType({each.name: each for each in _ALL})
"""Entity sets by name, in the order of the service root."""


def entity(name: str) -> Entity:
    """The entity set of a name that is known to be one."""
    return ENTITIES[name]


def named(link: str) -> Entity:
    """The entity set that a property of a new entity may name: ``Thing`` or ``Things``."""
    found = ENTITIES.get(link)
    return found if found is not None else next(e for e in _ALL if e.one == link)
