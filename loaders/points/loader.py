"""The loader of point clouds: what a file is, its points in batches, and the one record that stands for it."""

from collections.abc import Iterator
from pathlib import Path

from loaders.base import Batch, LayerInfo
from loaders.gdalio import head_of
from loaders.points.lists import is_list, open_list
from loaders.points.ply import open_ply
from loaders.points.stream import PointStream
from twin.cloud import CloudSummary
from twin.cloud.summary import cloud_record
from twin.errors import SourceError
from twin.plan import LayerPlan

__all__ = ["PointsLoader"]

_NOT_READ = {
    ".e57": "E57", ".rcp": "ReCap", ".rcs": "ReCap", ".fls": "FARO scan", ".ptx": "PTX", ".pcd": "PCD",
}  # fmt: skip


class PointsLoader:
    """LAS and LAZ 1.0 to 1.4, COPC, PLY, and text lists."""

    name = "points"

    def supports(self, path: Path) -> bool:
        """Whether name and first bytes are those of a cloud; scanner formats that are refused count too."""
        extension = path.suffix.lower()
        if extension in (".las", ".laz"):
            return head_of(path, 4) == b"LASF"
        if extension == ".ply":
            return head_of(path, 3) == b"ply"
        if extension in _NOT_READ:
            return path.is_file()
        return is_list(path)

    def scan(self, path: Path) -> list[LayerInfo]:
        """The cloud as one layer; its one record is counted, the number of points stands in ``findings``.

        Raises
        ------
        SourceError
            If the header cannot be read, or the format is refused.
        UnsafeSourceError
            If the header promises more points than the file can hold.
        """
        stream = _opened(path)
        return [
            LayerInfo(
                path, path.stem, "points", stream.spec.format, 1, "point cloud", stream.fields,
                stream.crs, stream.bounds, None, tuple(stream.findings),
            )
        ]  # fmt: skip

    def read(self, layer: LayerInfo, plan: LayerPlan, batch_size: int = 65_536) -> Iterator[Batch]:  # noqa: ARG002
        """One record of class ``point_cloud``: box of the points as polygon, counts and classes as attributes.

        Every point is read and counted; :meth:`read_points` gives the points themselves.
        """
        stream = _opened(layer.path)
        summary = CloudSummary(stream.spec)
        for points in stream.batches():
            summary.add(points)
        record = cloud_record(summary, layer.path.stem, plan.class_code or "point_cloud", {}, None)
        told = [f for f in stream.findings if f not in layer.findings]
        yield Batch(record, findings=(*told, *summary.findings()))

    def read_points(self, layer: LayerInfo, plan: LayerPlan) -> PointStream:  # noqa: ARG002
        """The points of the cloud, to be streamed once.

        Returns
        -------
        PointStream
            Numbers as stored, source CRS; ``findings`` are complete when all batches were read.
        """
        return _opened(layer.path)


def _opened(path: Path) -> PointStream:
    extension = path.suffix.lower()
    if extension in _NOT_READ:
        raise SourceError(
            path, f"{_NOT_READ[extension]} is not read; convert it to LAZ (CloudCompare, or pdal translate)"
        )  # fmt: skip
    if extension in (".las", ".laz"):
        from loaders.points.las import open_las  # laspy takes a tenth of a second to import

        return open_las(path)
    return open_ply(path) if extension == ".ply" else open_list(path)
