"""Bring batches of things from their source's coordinates into the base's, beside the base, not in it."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from twin import codes, crs, validity
from twin.heights import Heights
from twin.hilbert import hilbert_key
from twin.ingest.meshes import MeshArchive
from twin.ingest.source import Quarantined, Source
from twin.schema import LINKS, RECORDS, REPRESENTATIONS
from twin.store import run

__all__ = ["Staging"]

FloatArray = NDArray[np.float64]


class Staging:
    """Temporary tables ``staged``, ``staged_extra`` and ``staged_link`` of one layer, in the base's coordinates.

    Parameters
    ----------
    con : duckdb connection
        Inside the open write transaction.
    source : Source
    heights : Heights
        Turns the source's heights into ellipsoidal ones.
    """

    def __init__(self, con: duckdb.DuckDBPyConnection, source: Source, heights: Heights) -> None:
        self.con = con
        self.source = source
        self.heights = heights
        self.meshes = MeshArchive()
        self.n_in = 0
        self.repaired = 0
        self.reasons: Counter[str] = Counter()
        run(con, "ingest_staging")

    def add(
        self,
        records: pa.Table,
        meshes: pa.Table | None = None,
        representations: pa.Table | None = None,
    ) -> Quarantined:
        """Stage one batch; returns what cannot be staged, with reasons."""
        self.n_in += records.num_rows
        self.meshes.add(meshes)
        records = records.cast(RECORDS)
        sound = pc.if_else(pc.is_null(records["fault"]), records["geometry"], None)
        placed = self._place(
            records.set_column(records.schema.get_field_index("geometry"), "geometry", sound)
        )
        reasons = _first_reason(records["fault"], placed["reason"], self._semantic_faults(records))
        table = self._columns(records, placed).append_column(
            "reason", pa.array(reasons, pa.string())
        )
        bad = pc.is_valid(table["reason"])
        self._insert("ingest_stage_records", table.filter(pc.invert(bad)))
        if representations is not None and representations.num_rows:
            extra = representations.cast(REPRESENTATIONS)
            placed = self._place(extra)
            self._insert(
                "ingest_stage_representations",
                self._columns(extra, placed).filter(
                    pa.array([r is None for r in placed["reason"]])
                ),
            )
        rejected = records.filter(bad)
        return Quarantined(
            rows=rejected["row"].to_pylist(),
            reasons=[r for r in reasons if r is not None],
            records=_readable(rejected),
        )

    def add_links(self, links: pa.Table | None) -> None:
        """Stage relations beside those to parents (:data:`twin.schema.LINKS`)."""
        if links is not None:
            self._insert("ingest_stage_links", links.cast(LINKS))

    def outline(self, parts: Sequence[Mapping[str, Any]]) -> shapely.Polygon | None:
        """Outline on the map of staged records with meshes (EPSG:4490)."""
        return self.meshes.outline(
            [p["mesh_id"] for p in parts], np.array([p["matrix"] for p in parts], dtype=float)
        )

    def _place(self, records: pa.Table) -> dict[str, NDArray[np.generic]]:
        """Geometry, mesh matrices, boxes and reasons of a batch in the base's coordinates."""
        n = records.num_rows
        geoms = crs.transform_wkb(self.source.crs_used, records["geometry"].combine_chunks())
        given = ~shapely.is_missing(geoms)
        geoms, repaired, reason = validity.repair(geoms)
        reason = np.where(given, reason, np.array(None, dtype=object))
        self.repaired += int(repaired.sum())
        geoms = self._lifted(geoms)
        boxes = np.full((n, 6), np.nan)
        boxes[:, [0, 1, 3, 4]] = shapely.bounds(geoms)
        has_z = shapely.has_z(geoms)
        if has_z.any():
            boxes[has_z, 2], boxes[has_z, 5] = _z_ranges(geoms[has_z])
        matrices = np.full((n, 16), np.nan)
        mesh_ids = records["mesh_id"].to_pylist()
        unknown = [
            i for i, name in enumerate(mesh_ids) if name is not None and name not in self.meshes
        ]
        reason[unknown] = "its shape is missing from the file"
        meshed = np.array(
            [i for i, name in enumerate(mesh_ids) if name is not None and name in self.meshes],
            dtype=int,
        )
        if len(meshed):
            local = np.array(records["matrix"].take(pa.array(meshed)).to_pylist(), dtype=float)
            names = [mesh_ids[i] for i in meshed]
            matrices[meshed] = crs.local_to_ecef_matrices(
                self.source.crs_used, local, self._undulation(), centres=self.meshes.centres(names)
            )
            mesh_boxes = self.meshes.placed_bounds(names, matrices[meshed])
            boxes[meshed] = _joined_boxes(boxes[meshed], mesh_boxes)
        return {"geoms": geoms, "reason": reason, "boxes": boxes, "matrices": matrices}

    def _lifted(self, geoms: NDArray[np.object_]) -> NDArray[np.object_]:
        """Heights of 3D geometries above the ellipsoid."""
        three_d = shapely.has_z(geoms)
        if self.source.z_reference != "1985" or not three_d.any():
            return geoms
        xyz = shapely.get_coordinates(geoms[three_d], include_z=True)
        xyz[:, 2] = self.heights.to_ellipsoid(xyz[:, 2], xyz[:, 0], xyz[:, 1], "1985")
        geoms = geoms.copy()
        geoms[three_d] = shapely.set_coordinates(geoms[three_d].copy(), xyz)
        return geoms

    def _undulation(self) -> float | Callable[[FloatArray, FloatArray], FloatArray]:
        if self.source.z_reference != "1985":
            return 0.0
        return lambda lon, lat: self.heights.to_ellipsoid(np.zeros_like(lon), lon, lat, "1985")

    def _semantic_faults(self, records: pa.Table) -> list[str | None]:
        """Reasons that only the base can know: a class without collection, a thing that is nowhere."""
        known = codes.collection_of(np.array(records["class_code"].to_pylist(), dtype=object))
        classes = records["class_code"].to_pylist()
        nowhere = pc.and_(
            pc.and_(pc.is_null(records["geometry"]), pc.is_null(records["mesh_id"])),
            pc.is_null(records["parent_key"]),
        ).to_numpy(zero_copy_only=False)
        may_float = self.source.kind == "model"
        out: list[str | None] = []
        for code, collection, lost in zip(classes, known, nowhere, strict=True):
            if collection is None:
                out.append(
                    f"class code {code!r} is in no code table; give the layer a class_code in the plan"
                )
            elif lost and not may_float:
                out.append("it has no geometry and belongs to nothing that has one")
            else:
                out.append(None)
        return out

    def _columns(self, records: pa.Table, placed: dict[str, NDArray[np.generic]]) -> pa.Table:
        """The staged columns of one batch."""
        boxes = placed["boxes"].astype(float)
        center = (boxes[:, [0, 1]] + boxes[:, [3, 4]]) / 2
        matrices = [None if np.isnan(m[0]) else m for m in placed["matrices"].astype(float)]
        table = records.select(
            [c for c in records.column_names if c not in ("geometry", "matrix", "fault")]
        )
        extra: dict[str, pa.Array] = {
            "wkb": pa.array(
                shapely.to_wkb(placed["geoms"], output_dimension=3, flavor="iso"), pa.binary()
            ),
            "matrix": pa.array(matrices, pa.list_(pa.float64())),
            "hilbert": pa.array(hilbert_key(center[:, 0], center[:, 1]), pa.int64()),
            "mesh_digest": pa.array(
                [self.meshes.digest(m) for m in records["mesh_id"].to_pylist()], pa.string()
            ),
        }
        for i, name in enumerate(("xmin", "ymin", "zmin", "xmax", "ymax", "zmax")):
            extra[name] = pa.array(boxes[:, i], from_pandas=True)
        if "class_code" in records.column_names:
            classes = np.array(records["class_code"].to_pylist(), dtype=object)
            extra["collection"] = pa.array(codes.collection_of(classes), pa.string())
            extra["edition"] = pa.array(codes.edition_of(classes), pa.string())
        for name, column in extra.items():
            table = table.append_column(name, column)
        return table

    def _insert(self, name: str, table: pa.Table) -> None:
        if table.num_rows:
            self.con.register("incoming", table)
            run(self.con, name)
            self.con.unregister("incoming")


def _first_reason(*columns: object) -> list[str | None]:
    """Per row, the first text among several columns."""
    lists = [c.to_pylist() if isinstance(c, pa.ChunkedArray) else list(c) for c in columns]  # type: ignore[call-overload]  # arrays and lists alike
    return [next((str(r) for r in row if r is not None), None) for row in zip(*lists, strict=True)]


def _z_ranges(geoms: NDArray[np.object_]) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest z of each geometry."""
    xyz, index = shapely.get_coordinates(geoms, include_z=True, return_index=True)
    starts = np.flatnonzero(np.diff(index, prepend=-1))
    return np.minimum.reduceat(xyz[:, 2], starts), np.maximum.reduceat(xyz[:, 2], starts)


def _joined_boxes(a: FloatArray, b: FloatArray) -> FloatArray:
    """Union of two stacks of boxes (xmin ymin zmin xmax ymax zmax), NaN where unknown."""
    return np.concatenate([np.fmin(a[:, :3], b[:, :3]), np.fmax(a[:, 3:], b[:, 3:])], axis=1)


def _readable(records: pa.Table) -> list[dict[str, object]]:
    """Rejected records as a person would read them: geometry as text, no binary."""
    wkt = [_wkt(g) for g in records["geometry"].to_pylist()]
    rows = records.drop_columns(["geometry", "matrix", "fault"]).to_pylist()
    return [
        {**{k: v for k, v in row.items() if v is not None}, "geometry": g}
        for row, g in zip(rows, wkt, strict=True)
    ]


def _wkt(wkb: bytes | None) -> str | None:
    if wkb is None:
        return None
    with np.errstate(invalid="ignore"):
        geometry = shapely.from_wkb(wkb, on_invalid="ignore")
    return str(shapely.to_wkt(geometry, rounding_precision=8))[:2000] if geometry else None
