"""Buffer views and accessors of a glTF under construction, plain or compressed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tiles.meshopt import encode_attributes, encode_sequence, encode_triangles

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["ARRAY_BUFFER", "ELEMENT_ARRAY_BUFFER", "MESHOPT", "Views"]

ARRAY_BUFFER, ELEMENT_ARRAY_BUFFER = 34962, 34963
MESHOPT = "EXT_meshopt_compression"


class Views:
    """The binary chunk under construction: every view starts at a multiple of 8 bytes.

    Compressed views belong to a second buffer without content, as large as what they hold.

    Parameters
    ----------
    compiled : bool
        Whether compiled loops pack; the bytes are the same.
    """

    def __init__(self, *, compiled: bool = True) -> None:
        self.compiled = compiled
        self.parts: list[bytes] = []
        self.size = 0
        self.unpacked = 0
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, data: bytes) -> int:
        """A plain view: metadata, pictures."""
        start = self._put(data)
        self.views.append({"buffer": 0, "byteOffset": start, "byteLength": len(data)})
        return len(self.views) - 1

    def elements(self, rows: NDArray[Any], filter_: str = "NONE") -> int:
        """Vertex attributes, one row an element of a multiple of four bytes."""
        stride = rows.itemsize * rows.shape[1]
        said = {"byteStride": stride, "mode": "ATTRIBUTES", "count": len(rows)}
        if filter_ != "NONE":
            said["filter"] = filter_
        view = {"byteStride": stride, "target": ARRAY_BUFFER}
        return self._packed(encode_attributes(rows, compiled=self.compiled), said, view)

    def triangles(self, indices: NDArray[np.unsignedinteger]) -> int:
        """Corners of triangles, uint16 or uint32; each triangle may be turned."""
        said = {"byteStride": indices.itemsize, "mode": "TRIANGLES", "count": len(indices)}
        return self._packed(encode_triangles(indices), said, {"target": ELEMENT_ARRAY_BUFFER})

    def sequence(self, indices: NDArray[np.unsignedinteger]) -> int:
        """Corners of triangles, uint16 or uint32, in their order."""
        said = {"byteStride": indices.itemsize, "mode": "INDICES", "count": len(indices)}
        stream = encode_sequence(indices, compiled=self.compiled)
        return self._packed(stream, said, {"target": ELEMENT_ARRAY_BUFFER})

    def accessor(self, view: int, component: int, kind: str, count: int, **more: Any) -> int:  # noqa: ANN401
        """An accessor over a whole view."""
        self.accessors.append(
            {"bufferView": view, "componentType": component, "count": count, "type": kind, **more}
        )
        return len(self.accessors) - 1

    def buffers(self) -> list[dict[str, Any]]:
        """The buffers of the document."""
        own = {"byteLength": self.size}
        stand_in = {"byteLength": self.unpacked, "extensions": {MESHOPT: {"fallback": True}}}
        return [own, stand_in] if self.unpacked else [own]

    def _put(self, data: bytes) -> int:
        start = self.size
        padding = -len(data) % 8
        self.parts += [data, b"\0" * padding]
        self.size += len(data) + padding
        return start

    def _packed(self, stream: bytes, said: dict[str, Any], view: dict[str, Any]) -> int:
        length = said["byteStride"] * said["count"]
        place = {"buffer": 0, "byteOffset": self._put(stream), "byteLength": len(stream)}
        self.views.append(
            {
                "buffer": 1,
                "byteOffset": self.unpacked,
                "byteLength": length,
                **view,
                "extensions": {MESHOPT: place | said},
            }
        )
        self.unpacked += length + -length % 8
        return len(self.views) - 1
