"""The base as the tiler sees it: Arrow tables in canonical coordinates, ready to draw."""

import pyarrow as pa

from twin.cloud import CloudAsset
from twin.cloud.placed import PlacedCloud
from twin.heights import Heights
from twin.ingest.meshes import read_asset
from twin.store.rasters import Imagery, imagery_of, terrain_of
from twin.store.store import Store, statement
from twin.terrain import Surface

__all__ = ["Scene"]


class Scene:
    """Everything that can be drawn of one city.

    Satisfies ``tiles.source.TileSource``. Tables are in Hilbert order of the things, so the same
    base gives
    the same rows in the same order.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def buildings(self) -> pa.Table:
        """Buildings whose best representation is the footprint; those with meshes are left to :meth:`meshes`."""
        return self._store.table(statement("scene_buildings"))

    def meshes(self) -> pa.Table:
        """Placed meshes with the storey and the building they belong to."""
        return self._store.table(statement("scene_meshes"))

    def asset(self, sha: str) -> pa.Table:
        """Shapes of one mesh asset (:data:`twin.schema.MESHES`)."""
        return read_asset(self._store.assets, sha)

    def pipes(self) -> pa.Table:
        """Pipe axes in 3D."""
        return self._store.table(statement("scene_pipes"))

    def flat(self, collection: str) -> pa.Table:
        """Things of one collection on the map."""
        return self._store.table(statement("scene_flat"), {"collection": collection})

    def clouds(self) -> list[PlacedCloud]:
        """Point clouds that stand in the base, in the order of their assets; missing assets are left out."""
        heights, ground = Heights(self._store.city.undulation), self.terrain()
        found = []
        for row in self._store.table(statement("scene_clouds")).to_pylist():
            path = self._store.assets / row["asset"]
            if path.is_file():
                asset = CloudAsset(path)
                found.append(PlacedCloud(row["eid"], row["name"] or "", asset, heights, ground))
        return found

    def terrain(self) -> Surface | None:
        """Ground surface."""
        return terrain_of(self._store)

    def imagery(self) -> list[Imagery]:
        """Orthophotos, the one that lies on top first."""
        return imagery_of(self._store)

    def bounds(self) -> tuple[float, float, float, float]:
        """West, south, east, north of everything that has a place; a zero box where there is nothing."""
        row = self._store.table(statement("scene_bounds")).to_pylist()[0]
        return (row["west"] or 0.0, row["south"] or 0.0, row["east"] or 0.0, row["north"] or 0.0)
