"""Bring batches of things from their source's coordinates into the base's, beside the base, not in it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from twin import codes, crs
from twin.fingerprint import fingerprints, json_array, one_array, uuid_array
from twin.heights import Heights
from twin.hilbert import hilbert_key
from twin.ingest.ledger import KeyLedger
from twin.ingest.meshes import MeshArchive
from twin.ingest.placing import place, refuse_heights
from twin.ingest.source import Quarantined, Source
from twin.schema import LINKS, RECORDS, REPRESENTATIONS
from twin.store import run

__all__ = ["Staging"]

FloatArray = NDArray[np.float64]
_STAGED = (
    "row", "key", "name", "class_code", "edition", "collection", "parent_key", "relation", "aliases", "attributes",
    "role", "lod", "wkb", "mesh_id", "matrix", "xmin", "ymin", "zmin", "xmax", "ymax", "zmax", "hilbert", "record_hash",
)  # fmt: skip
"""Columns of the temporary table ``staged``, in order."""


class Staging:
    """Records of one layer in the base's coordinates, held until they are written.

    Parameters
    ----------
    con : duckdb connection
        Inside the open write transaction.
    source : Source
    heights : Heights
        Turns the source's heights into ellipsoidal ones.
    assets : Path
        Folder that meshes and images are written to.
    known : bool
        An earlier delivery of the source is in the base: shapes may have to be known again.
    """

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        source: Source,
        heights: Heights,
        assets: Path,
        known: bool = False,
    ) -> None:
        self.con = con
        self.source = source
        self.heights = heights
        self.assets = assets
        self.meshes = MeshArchive(assets, surfaces=known and source.kind == "model")
        self.n_in = 0
        self.repaired = 0
        self.held = 0
        self.held_bytes = 0
        self.linked = False
        self._tables: list[pa.Table] = []
        self._extras: list[pa.Table] = []
        self._ledger = KeyLedger()
        self._prints = np.zeros((0, 16), np.uint8)
        run(con, "ingest_staging")

    def add(
        self,
        records: pa.Table,
        meshes: pa.Table | None = None,
        representations: pa.Table | None = None,
        images: pa.Table | None = None,
    ) -> Quarantined:
        """Hold one batch; returns what cannot be loaded, with reasons."""
        self.n_in += records.num_rows
        bare = records["mesh_id"].filter(pc.is_null(records["geometry"]))
        self.meshes.add(meshes, set(bare.drop_null().to_pylist()))
        self.meshes.add_images(images)
        records = records.cast(RECORDS)
        sound = pc.if_else(pc.is_null(records["fault"]), records["geometry"], None)
        extra = None
        if representations is not None and representations.num_rows:
            extra = representations.cast(REPRESENTATIONS)
        own, beside = self._stands(records, extra)
        placed = self._place(
            records.set_column(records.schema.get_field_index("geometry"), "geometry", sound), own
        )
        self.repaired += int(placed.repaired.sum())
        reasons = _first_reason(records["fault"], placed.reason, self._semantic_faults(records))
        table = self._columns(records, placed)
        keys, reasons = self._keys(table, reasons)
        table = table.set_column(1, "key", keys)
        bad = pc.is_valid(reasons)
        if pc.any(bad).as_py():
            table = table.filter(pc.invert(bad))
        if table.num_rows:
            self._tables.append(table)
            self.held += table.num_rows
            self.held_bytes += table.nbytes
        if extra is not None:
            self._add_representations(extra, beside)
        rejected = records.filter(bad)
        return Quarantined(
            rows=rejected["row"].to_pylist(),
            reasons=reasons.drop_null().to_pylist(),
            records=_readable(rejected),
        )

    def _keys(self, table: pa.Table, reasons: pa.Array) -> tuple[pa.Array, pa.Array]:
        """Final keys of a batch, and the reasons with those of repeated ids; faulty records claim no id."""
        keys = table["key"].combine_chunks()
        fine = np.asarray(reasons.is_null().to_numpy(zero_copy_only=False), dtype=bool)
        at = pa.array(np.flatnonzero(fine))
        settled, repeated = self._ledger.settle(keys.take(at), self._prints[fine])
        if len(at):
            keys = pc.replace_with_mask(keys, pa.array(fine), settled)
        if repeated.any():
            texts = np.full(len(keys), None, dtype=object)
            for i in np.flatnonzero(fine)[repeated].tolist():
                texts[i] = (
                    f"its id {keys[i].as_py()!r} was already used by an earlier record of this layer"
                )
            reasons = pc.coalesce(reasons, pa.array(texts, pa.string()))
        return keys, reasons

    @property
    def plain(self) -> bool:
        """Whether all records stand alone: no parents, no meshes, no further representations."""
        return (
            len(self.meshes) == 0
            and not self._extras
            and all(table["parent_key"].null_count == table.num_rows for table in self._tables)
        )

    def table(self) -> pa.Table:
        """What is held, in the order of the source."""
        return pa.concat_tables(self._tables)

    def box(self) -> tuple[float, float, float, float] | None:
        """xmin, ymin, xmax, ymax in degrees of what is held; None where nothing has a place."""
        table = self.table()
        low = [pc.min(table[name]).as_py() for name in ("xmin", "ymin")]
        high = [pc.max(table[name]).as_py() for name in ("xmax", "ymax")]
        return None if low[0] is None else (low[0], low[1], high[0], high[1])

    def take(self, rows: int | None = None) -> pa.Table:
        """What is held, or the first ``rows`` of it, in the order of the source; these are held no longer."""
        table = self.table()
        rest = table.slice(table.num_rows if rows is None else rows)
        self._tables = [rest] if rest.num_rows else []
        self.held, self.held_bytes = rest.num_rows, rest.nbytes
        return table.slice(0, rows)

    def take_representations(self) -> pa.Table | None:
        """Further representations held, null where there are none; holds none afterwards."""
        extras, self._extras = self._extras, []
        return pa.concat_tables(extras) if extras else None

    def stage(self) -> None:
        """Move what is held into the temporary tables ``staged`` and ``staged_extra``."""
        if self._tables:
            self._insert("ingest_stage_records", self.take())
        extra = self.take_representations()
        if extra is not None:
            self._insert("ingest_stage_representations", extra)

    def add_links(self, links: pa.Table | None) -> None:
        """Stage relations beside those to parents (:data:`twin.schema.LINKS`)."""
        if links is not None:
            self.linked = self.linked or links.num_rows > 0
            self._insert("ingest_stage_links", links.cast(LINKS))

    def outline(self, parts: Sequence[Mapping[str, Any]]) -> shapely.Polygon | None:
        """Outline on the map of staged records with meshes (EPSG:4490)."""
        return self.meshes.outline(
            [p["mesh_id"] for p in parts], np.array([p["matrix"] for p in parts], dtype=float)
        )

    def write_meshes(self) -> str | None:
        """End the asset of the layer's meshes and list it in the base; its name, null where there is none."""
        asset, n_meshes, n_triangles, size = self.meshes.write()
        if asset is not None:
            self.con.execute(
                "INSERT INTO mesh_asset SELECT $asset, $n, $t, $b, $d WHERE NOT EXISTS (FROM mesh_asset WHERE asset = $asset)",
                {
                    "asset": asset,
                    "n": n_meshes,
                    "t": n_triangles,
                    "b": size,
                    "d": self.source.dataset_id,
                },
            )
        return asset

    def _add_representations(self, extra: pa.Table, stands: "_Stands | None") -> None:
        placed = self._place(extra, stands)
        sound = np.array([r is None for r in placed.reason], dtype=bool)
        columns = self._geometry_columns(extra, placed)
        kept = extra.select(["key", "role", "lod", "mesh_id"])
        for name in ("wkb", "matrix", "xmin", "ymin", "zmin", "xmax", "ymax", "zmax", "hilbert"):
            kept = kept.append_column(name, columns[name])
        if not sound.all():
            kept = kept.filter(pa.array(sound))
        self._extras.append(kept)
        self.held_bytes += kept.nbytes

    def _place(self, records: pa.Table, stands: "_Stands | None") -> "_PlacedRecords":
        """Geometry, mesh matrices, boxes and reasons of a batch in the base's coordinates."""
        placed = place(
            one_array(records["geometry"]),
            self.source.crs_used,
            self.heights,
            self.source.z_reference,
            self.source.z_factor,
        )
        boxes, reason = placed.boxes, placed.reason
        refuse_heights(boxes, reason)
        if stands is None:
            return _PlacedRecords(placed.wkb, boxes, placed.repaired, reason, None, None)
        named = records["mesh_id"].is_valid().to_numpy(zero_copy_only=False)
        reason[named & (stands.meshes < 0)] = "its shape is missing from the file"
        meshed = np.flatnonzero(stands.meshes >= 0)
        if len(meshed):
            matrices, mesh_boxes = stands.matrices[meshed], stands.boxes[meshed]
            placed_well = np.isfinite(np.hstack([matrices, mesh_boxes])).all(axis=1)
            reason[meshed[~placed_well]] = (
                f"its shape lies outside of what {self.source.crs_used} can place"
            )
            boxes[meshed] = _joined_boxes(boxes[meshed], mesh_boxes)
            refuse_heights(boxes, reason)
        return _PlacedRecords(
            placed.wkb, boxes, placed.repaired, reason, stands.matrices, stands.meshes
        )

    def _stands(self, *tables: pa.Table | None) -> list["_Stands | None"]:
        """Where the meshes of each of the tables stand, None where it has none; asked together, as they often share places."""
        ids = [None if t is None else t["mesh_id"] for t in tables]
        ids = [None if c is None or c.null_count == len(c) else c for c in ids]
        given = [
            (t, c) for t, c in zip(tables, ids, strict=True) if t is not None and c is not None
        ]
        if not given:
            return [None] * len(tables)
        meshes = np.concatenate([self.meshes.places(c) for _, c in given])
        matrices, boxes = np.full((len(meshes), 16), np.nan), np.full((len(meshes), 6), np.nan)
        local = np.concatenate([_matrices_of(t) for t, _ in given])
        meshed = np.flatnonzero(meshes >= 0)
        if len(meshed):
            at = meshes[meshed]
            matrices[meshed] = crs.local_to_ecef_matrices(
                self.source.crs_used,
                local[meshed],
                self._undulation(),
                centres=self.meshes.centres(at),
            )
            boxes[meshed] = self.meshes.placed_bounds(at, matrices[meshed])
        ends = np.cumsum([0, *(len(c) for _, c in given)]).tolist()
        parts = iter(_Stands(meshes[a:b], matrices[a:b], boxes[a:b]) for a, b in pairwise(ends))
        return [None if c is None else next(parts) for c in ids]

    def _undulation(self) -> float | Callable[[FloatArray, FloatArray], FloatArray]:
        if self.source.z_reference != "1985":
            return 0.0
        return lambda lon, lat: self.heights.to_ellipsoid(np.zeros_like(lon), lon, lat, "1985")

    def _semantic_faults(self, records: pa.Table) -> NDArray[np.object_]:
        """Reasons that only the base can know: a class without collection, a thing that is nowhere."""
        out = np.full(records.num_rows, None, dtype=object)
        if self.source.kind != "model":
            nowhere = pc.and_(
                pc.and_(pc.is_null(records["geometry"]), pc.is_null(records["mesh_id"])),
                pc.is_null(records["parent_key"]),
            ).to_numpy(zero_copy_only=False)
            out[nowhere] = "it has no geometry and belongs to nothing that has one"
        classes = records["class_code"].combine_chunks().dictionary_encode()
        known = codes.collection_of(np.array(classes.dictionary.to_pylist(), dtype=object))
        unknown = {
            i: f"class code {code!r} is in no code table; give the layer a class_code in the plan"
            for i, (code, found) in enumerate(
                zip(classes.dictionary.to_pylist(), known, strict=True)
            )
            if found is None
        }
        index = classes.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        for i, text in unknown.items():
            out[index == i] = text
        return out

    def _geometry_columns(self, table: pa.Table, placed: "_PlacedRecords") -> dict[str, pa.Array]:
        """Shape, matrix, box and Hilbert key of a batch."""
        boxes = placed.boxes
        center = (boxes[:, [0, 1]] + boxes[:, [3, 4]]) / 2
        columns: dict[str, pa.Array] = {
            "wkb": placed.wkb,
            "matrix": _matrix_column(placed.matrices, table.num_rows),
            "hilbert": pa.array(hilbert_key(center[:, 0], center[:, 1]), pa.int64()),
        }
        for i, name in enumerate(("xmin", "ymin", "zmin", "xmax", "ymax", "zmax")):
            columns[name] = pa.array(np.ascontiguousarray(boxes[:, i]), from_pandas=True)
        return columns

    def _columns(self, records: pa.Table, placed: "_PlacedRecords") -> pa.Table:
        """The staged columns of one batch, in the order of the table ``staged``."""
        columns = self._geometry_columns(records, placed)
        classes = records["class_code"].combine_chunks().dictionary_encode()
        distinct = np.array(classes.dictionary.to_pylist(), dtype=object)
        for name, of in (("collection", codes.collection_of), ("edition", codes.edition_of)):
            values = (
                pa.array(of(distinct), pa.string()) if len(distinct) else pa.nulls(0, pa.string())
            )
            columns[name] = values.take(classes.indices)
        digests = pa.nulls(records.num_rows, pa.string())
        if placed.meshes is not None:
            digests = self.meshes.digests(placed.meshes)
        said = [records[c] for c in ("name", "class_code", "parent_key", "relation", "attributes")]
        prints = fingerprints(
            [*said, records["aliases"], columns["wkb"], digests, columns["matrix"]],
            records.num_rows,
        )
        self._prints = prints
        columns["record_hash"] = uuid_array(prints)
        columns |= {
            c: records[c] for c in records.column_names if c not in ("geometry", "matrix", "fault")
        }
        columns["attributes"] = json_array(records["attributes"])
        return pa.table({name: columns[name] for name in _STAGED})

    def _insert(self, name: str, table: pa.Table) -> None:
        if table.num_rows:
            run(self.con, name, incoming=table)


@dataclass(frozen=True, slots=True)
class _Stands:
    """Meshes of n records: ``meshes`` (n,) of the archive, -1 for none, ``matrices`` (n, 16) into ECEF, ``boxes`` (n, 6)."""

    meshes: NDArray[np.int64]
    matrices: FloatArray
    boxes: FloatArray


def _matrices_of(records: pa.Table) -> FloatArray:
    """Matrices of the meshes of n records into the source's coordinates, shape (n, 16), NaN where there is none."""
    column = one_array(records["matrix"])
    there = column.is_valid().to_numpy(zero_copy_only=False)
    out = np.full((len(column), 16), np.nan)
    out[there] = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, 16)
    return out


@dataclass(frozen=True, slots=True)
class _PlacedRecords:
    """Geometry of a batch (see :class:`twin.ingest.placing.Placed`), its matrices, (n, 16), and its meshes, (n,) or None."""

    wkb: pa.Array
    boxes: FloatArray
    repaired: NDArray[np.bool_]
    reason: NDArray[np.object_]
    matrices: FloatArray | None
    meshes: NDArray[np.int64] | None


def _matrix_column(matrices: FloatArray | None, n: int) -> pa.Array:
    if matrices is None:
        return pa.nulls(n, pa.list_(pa.float64()))
    there = ~np.isnan(matrices[:, 0])
    offsets = np.concatenate([[0], np.cumsum(there * 16)]).astype(np.int32)
    values = pa.array(matrices[there].reshape(-1))
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(~there))


def _first_reason(*columns: pa.ChunkedArray | NDArray[np.object_]) -> pa.Array:
    """Per row, the first text among several columns."""
    arrays = [
        c.combine_chunks() if isinstance(c, pa.ChunkedArray) else pa.array(c, pa.string())
        for c in columns
    ]
    return pc.coalesce(*arrays)


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
    try:
        with np.errstate(invalid="ignore"):
            geometry = shapely.from_wkb(wkb, on_invalid="ignore")
        return str(shapely.to_wkt(geometry, rounding_precision=8))[:2000] if geometry else None
    except NotImplementedError:  # arcs, which the loader has faulted
        return f"a shape of {len(wkb)} bytes that has no plain text"
