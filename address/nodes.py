"""The address tree: one node for every element chain of a gazetteer."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from address.chains import FIELDS, gather
from address.model import LEVELS
from twin.schema import ADDRESS_NODES

__all__ = ["FIELDS", "build_nodes", "hex_text"]

UInts = npt.NDArray[np.uint64]


def build_nodes(addresses: pa.Table) -> pa.Table:
    """Address tree of a gazetteer, closed by parent.

    Parameters
    ----------
    addresses : pyarrow.Table
        Columns of `twin.schema.ADDRESSES` with ``lon`` and ``lat`` (degrees, EPSG:4490, null where
        unknown) added; rows with a ``fault`` are left out. The order of rows does not matter.

    Returns
    -------
    pyarrow.Table
        `twin.schema.ADDRESS_NODES`, sorted by level and id. ``node_id`` is a hash of the chain of
        canonical cores, so 5栋 and 5号楼 are one node and an id survives rebuilding. A road stands
        below its street, not its community. A node has its own row's place; upper nodes from the
        building up get the mean of what lies below at match time.
    """
    nodes = gather([addresses])
    ids = nodes["node_id"].combine_chunks().to_numpy()
    level = nodes["level"].combine_chunks().to_numpy()
    order = np.lexsort((ids, level))
    nodes = nodes.take(pa.array(order)).combine_chunks()
    parents = nodes["parent_id"].combine_chunks()
    up = pc.index_in(parents, value_set=nodes["node_id"].combine_chunks(), skip_nulls=True)
    own = nodes["own"]
    names = np.array(("", *LEVELS))[nodes["level"].to_numpy()]

    def floats(name: str) -> pa.ChunkedArray:
        return pc.if_else(pc.is_nan(nodes[name]), pa.scalar(None, pa.float64()), nodes[name])

    def texts(name: str) -> pa.ChunkedArray:
        return pc.if_else(pc.equal(nodes[name], ""), pa.scalar(None, pa.string()), nodes[name])

    told = {
        "node_id": hex_text(ids[order]),
        "parent_id": pc.if_else(
            pc.is_valid(parents),
            hex_text(pc.fill_null(parents, 0).to_numpy(zero_copy_only=False)),
            pa.scalar(None, pa.string()),
        ),
        "level": pa.array(names, pa.string()),
        "name": nodes["name"],
        "full": _full(_one(nodes["name"]), up),
        "lon": floats("lon"),
        "lat": floats("lat"),
        "z": floats("z"),
        "key": pc.if_else(own, texts("key"), pa.scalar(None, pa.string())),
        "building_key": texts("building_key"),
        "status": nodes["status"],
    }
    empty = pa.nulls(len(nodes), pa.string())
    return pa.table(
        [told.get(field.name, empty) for field in ADDRESS_NODES], schema=ADDRESS_NODES
    ).combine_chunks()


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _full(names: pa.Array, up: pa.Array) -> pa.Array:
    """Names from the root down, shape (n,); rows are in order of level, parents first."""
    whole: list[str] = []
    for name, parent in zip(names.to_pylist(), up.to_pylist(), strict=True):
        whole.append(name if parent is None else whole[parent] + name)
    return pa.array(whole, pa.string())


def hex_text(values: UInts) -> pa.Array:
    """16 hex digits of each value."""
    raw = np.ascontiguousarray(values.astype(">u8")).view(np.uint8)
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    text = np.empty(len(raw) * 2, dtype=np.uint8)
    text[0::2], text[1::2] = digits[raw >> 4], digits[raw & 15]
    offsets = np.arange(0, len(text) + 1, 16, dtype=np.int32)
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(text))
