"""3D Tiles for callers with a limited reach: built apart, from what they may see and nothing else.

Bounding volumes and availability of the city's own tiles tell where things are, so these are never given to such a
caller. His own are made when first asked for, and again when the base changes. Point clouds and finished tilesets
cannot be narrowed and are left out.
"""

import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from api.access.view import View
from tiles import build
from twin.cloud.placed import PlacedCloud
from twin.errors import ForbiddenError
from twin.store import Store
from twin.store.rasters import Imagery
from twin.store.read import version
from twin.store.scene import Scene
from twin.store.sight import Sight
from twin.terrain import Surface

__all__ = ["LAYERS", "MOST_THINGS", "LimitedTiles"]

LAYERS: Final = ("buildings", "models", "rooms", "pipes")
MOST_THINGS: Final = 20_000
"""Things of a reach up to which its tiles are made (some seconds)."""
KEPT: Final = 8
"""Reaches whose tiles are kept."""


class _Part:
    """The part of a city's scene within a sight. Satisfies ``tiles.source.TileSource``."""

    def __init__(self, scene: Scene, sight: Sight) -> None:
        self._scene, self._sight = scene, sight

    def buildings(self) -> pa.Table:
        """Buildings that are seen."""
        return self._sight.of(self._scene.buildings())

    def meshes(self) -> pa.Table:
        """Meshes of things that are seen; what they belong to is named where that is seen too."""
        found = self._sight.of(self._scene.meshes())
        seen = self._sight.has_each(found["building_eid"].to_pylist())
        for name in ("building_eid", "storey"):
            hidden = pa.array(np.where(seen, found[name].to_numpy(zero_copy_only=False), None))
            at = found.column_names.index(name)
            found = found.set_column(at, name, hidden.cast(pa.string()))
        return found

    def asset(self, sha: str) -> pa.Table:
        """Shapes of one mesh asset."""
        return self._scene.asset(sha)

    def image(self, name: str) -> bytes | None:
        """Content of a picture of a mesh."""
        return self._scene.image(name)

    def furniture(self) -> pa.Table:
        """Things in the street that are seen."""
        return self._sight.of(self._scene.furniture())

    def pipes(self) -> pa.Table:
        """Pipes that are seen."""
        return self._sight.of(self._scene.pipes())

    def flat(self, collection: str) -> pa.Table:
        """Things on the map that are seen."""
        return self._sight.of(self._scene.flat(collection))

    def collections(self) -> list[str]:
        """Collections on the map."""
        return self._scene.collections()

    def version(self, collection: str) -> int:
        """Grows with every change of a collection."""
        return self._scene.version(collection)

    def clouds(self) -> Sequence[PlacedCloud]:
        """None."""
        return ()

    def terrain(self) -> Surface | None:
        """Ground that things stand on."""
        return self._scene.terrain()

    def imagery(self) -> Sequence[Imagery]:
        """None."""
        return ()

    def bounds(self) -> tuple[float, float, float, float]:
        """Bounds of what is seen, degrees."""
        boxes = [box for box in self._sight.extents.values() if box["xmin"] is not None]
        if not boxes:
            return (0.0, 0.0, 0.0, 0.0)
        low = [min(box[side] for box in boxes) for side in ("xmin", "ymin")]
        high = [max(box[side] for box in boxes) for side in ("xmax", "ymax")]
        return (low[0], low[1], high[0], high[1])


@dataclass(slots=True)
class _Folder:
    path: Path
    version: int = -1
    lock: threading.Lock = field(default_factory=threading.Lock)


class LimitedTiles:
    """Tiles by reach, in a folder of the process; safe to use from any thread."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._root: Path | None = None
        self._lock = threading.Lock()
        self._folders: OrderedDict[str, _Folder] = OrderedDict()

    def folder(self, view: View) -> Path:
        """Folder with the 3D layers of a view, as the base is now.

        Raises
        ------
        ForbiddenError
            If there is too much in it to draw while somebody waits.
        """
        if len(view.sight.eids) > MOST_THINGS:
            raise ForbiddenError(
                f"This token sees {len(view.sight.eids)} things; 3D tiles of a part are made of at most {MOST_THINGS}. "
                "Its vector tiles and items have them all."
            )
        with self._lock:
            if self._root is None:
                self._root = Path(tempfile.mkdtemp(prefix="citytwin-reach-"))
            found = self._folders.setdefault(view.key, _Folder(self._root / view.key))
            self._folders.move_to_end(view.key)
            old = self._folders.popitem(last=False)[1] if len(self._folders) > KEPT else None
        if old is not None:
            with old.lock:
                shutil.rmtree(old.path, ignore_errors=True)
        with found.lock:
            now = version(self._store)
            if found.version != now or not found.path.is_dir():
                build(_Part(Scene(self._store), view.sight), found.path, LAYERS)
                found.version = now
        return found.path

    def close(self) -> None:
        """Remove what was made."""
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)
