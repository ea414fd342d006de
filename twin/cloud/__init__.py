"""Point clouds of the base: every point with everything it carries, in order of place, in one Parquet file.

``summary``
    what a cloud is, and the record that stands for it in the base;
``writer``
    batches of points in any order into an asset in Morton order, with bounded memory;
``reader``
    the asset in chunks of neighbouring points, in the source's system or as longitude and latitude.

Coordinates stay as the source wrote them: whole numbers with the file's own scale and offset (LAS),
or its own floats (PLY, text). Nothing is rounded, nothing is reprojected before somebody draws it.
"""

from twin.cloud.reader import CloudAsset
from twin.cloud.summary import CloudSpec, CloudSummary
from twin.cloud.writer import write_cloud

__all__ = ["CloudAsset", "CloudSpec", "CloudSummary", "write_cloud"]
