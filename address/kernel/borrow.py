"""Arrays handed from compiled function to compiled function without counting who holds them."""

from typing import Any

from numba import njit
from numba.extending import intrinsic

from address.kernel.near import Near
from address.kernel.work import Calls, Nodes, Words

__all__ = ["borrowed_calls", "borrowed_near", "borrowed_nodes", "borrowed_words"]


@intrinsic  # type: ignore[untyped-decorator]
def _borrowed(_typing: object, array: Any) -> tuple[Any, Any]:  # noqa: ANN401 (types of the compiler)
    """The same array without its owner: passing it on costs nothing.

    Every call counts the holders of each array it is given, atomically, which takes a third of the
    time of a text. Whoever calls keeps the owner for as long.
    """

    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:  # noqa: ANN401
        make = context.make_array(signature.args[0])
        given, bare = make(context, builder, arguments[0]), make(context, builder)
        for name in ("nitems", "itemsize", "data", "shape", "strides"):
            setattr(bare, name, getattr(given, name))
        bare.meminfo, bare.parent = bare.meminfo.type(None), bare.parent.type(None)
        return bare._getvalue()

    return array(array), codegen


@njit(cache=True)
def borrowed_nodes(nodes: Nodes) -> Nodes:
    """The tree, borrowed."""
    return Nodes(
        _borrowed(nodes.parent),
        _borrowed(nodes.first),
        _borrowed(nodes.level),
        _borrowed(nodes.core),
        _borrowed(nodes.flags),
        _borrowed(nodes.ident),
        _borrowed(nodes.word_start),
        _borrowed(nodes.word_points),
        _borrowed(nodes.name_start),
        _borrowed(nodes.name_rows),
        _borrowed(nodes.name_former),
    )


@njit(cache=True)
def borrowed_words(words: Words) -> Words:
    """The vocabulary, borrowed."""
    return Words(
        _borrowed(words.slots),
        _borrowed(words.hashes),
        _borrowed(words.level),
        _borrowed(words.start),
        _borrowed(words.points),
        _borrowed(words.late),
    )


@njit(cache=True)
def borrowed_calls(calls: Calls) -> Calls:
    """The names, borrowed."""
    return Calls(
        _borrowed(calls.step_key),
        _borrowed(calls.step_next),
        _borrowed(calls.state_name),
        _borrowed(calls.late),
        _borrowed(calls.heads),
    )


@njit(cache=True)
def borrowed_near(near: Near) -> Near:
    """The keys that forgive, borrowed."""
    return Near(
        _borrowed(near.hash),
        _borrowed(near.of),
        _borrowed(near.name_start),
        _borrowed(near.name_text),
        _borrowed(near.first),
        _borrowed(near.rows),
        _borrowed(near.sound),
        _borrowed(near.syllable_start),
        _borrowed(near.syllable_points),
        _borrowed(near.late),
    )
