"""From source batches to the base: one transaction per layer, nothing lost.

``source.py`` names a source and its balance; ``staging.py`` brings batches into the base's
coordinates;
``meshes.py`` keeps shared shapes; ``fusing.py`` finds the thing a record is about; ``reloading.py`` tells a new
delivery from the one before; ``records.py`` writes things, ``fresh.py`` and ``freshmodels.py`` those of a first
delivery straight, ``tables.py`` writes addresses, streams, readings and cases, ``rasters.py`` terrain and imagery;
``anchoring.py`` ties everything to ground, grid and address afterwards.
"""

from twin.ingest.anchoring import anchor_everything, anchors_pending
from twin.ingest.points import load_points
from twin.ingest.rasters import load_raster
from twin.ingest.records import load_records
from twin.ingest.reloading import Reload
from twin.ingest.source import Balance, Source
from twin.ingest.tables import load_addresses, load_cases, load_observations, load_streams
from twin.ingest.tilesets import load_tileset

__all__ = [
    "Balance",
    "Reload",
    "Source",
    "anchor_everything",
    "anchors_pending",
    "load_addresses",
    "load_cases",
    "load_observations",
    "load_points",
    "load_raster",
    "load_records",
    "load_streams",
    "load_tileset",
]
