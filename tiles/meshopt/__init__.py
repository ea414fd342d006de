"""The codecs of ``EXT_meshopt_compression``: vertex attributes, triangles and index sequences.

Written after the bitstream in the extension's text (Khronos, ratified; appendices A and B). What is
encoded here, any decoder of the extension gives back byte for byte; the decoders here are for the
checker.
"""

from tiles.meshopt.attributes import decode_attributes, encode_attributes
from tiles.meshopt.errors import MeshoptError
from tiles.meshopt.filters import (
    MANTISSA,
    exponent_for,
    exponential,
    from_exponential,
    to_exponential,
)
from tiles.meshopt.sequences import decode_sequence, encode_sequence
from tiles.meshopt.triangles import decode_triangles, encode_triangles

__all__ = [
    "MANTISSA",
    "MeshoptError",
    "decode_attributes",
    "decode_sequence",
    "decode_triangles",
    "encode_attributes",
    "encode_sequence",
    "encode_triangles",
    "exponent_for",
    "exponential",
    "from_exponential",
    "to_exponential",
]
