"""A cloud with the thing it stands for and what its heights mean: ready to be put on the earth."""

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from twin import crs
from twin.cloud.reader import CloudAsset
from twin.heights import Heights
from twin.terrain import Surface

__all__ = ["PlacedCloud"]

Floats = NDArray[np.float64]
_SAME = Heights()


@dataclass(frozen=True, slots=True)
class PlacedCloud:
    """A cloud of the city.

    Parameters
    ----------
    eid : str
        The thing of class ``point_cloud``.
    name : str
    asset : CloudAsset
        Its points, source CRS.
    heights : Heights
        How 1985 heights become ellipsoidal ones.
    ground : Surface, optional
        What heights above ground stand on; where it is unknown they stand on height 0.
    """

    eid: str
    name: str
    asset: CloudAsset
    heights: Heights = _SAME
    ground: Surface | None = None

    @property
    def on_ground(self) -> bool:
        """Whether its heights are above the ground."""
        return bool(self.asset.meaning["z_reference"] == "ground")

    def digest(self) -> str:
        """Hash of all that its tiles depend on."""
        undulation = self.heights.undulation_source
        grid = "" if isinstance(undulation, float | int) else hashlib.sha256(undulation.values.tobytes()).hexdigest()  # fmt: skip
        ground = self.ground.digest() if self.on_ground and self.ground is not None else ""
        known = [self.eid, self.name, self.asset.path.name, self.asset.meaning, repr(undulation), grid, ground]  # fmt: skip
        return hashlib.sha256(repr(known).encode()).hexdigest()

    def geographic(self, xyz: Floats) -> Floats:
        """Places of points.

        Parameters
        ----------
        xyz : ndarray of float64, shape (n, 3)
            Source CRS, z in the source's own unit and reference.

        Returns
        -------
        ndarray of float64, shape (n, 3)
            Degrees (EPSG:4490) and metres above the ellipsoid; what has no place is not finite.
        """
        meaning = self.asset.meaning
        lon, lat, z = crs.to_geographic(meaning["crs"], xyz[:, 0], xyz[:, 1], xyz[:, 2])
        assert z is not None  # noqa: S101 -- it was given
        metres = z * float(meaning["z_metres"])
        below = None
        if self.on_ground:
            known = np.zeros(len(lon)) if self.ground is None else self.ground.height(lon, lat)
            below = np.nan_to_num(known)
        height = self.heights.to_ellipsoid(metres, lon, lat, meaning["z_reference"], below)
        return np.column_stack([lon, lat, height])
