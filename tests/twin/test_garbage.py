"""The search for circular garbage is paused inside a block and circles of a batch are still freed."""

import gc
import weakref

import pytest

from twin.garbage import collect_young, collection_paused


class Node:
    """Something that can hold itself."""

    def __init__(self) -> None:
        self.own = self


def test_the_collector_is_off_inside_and_on_again_after_an_error() -> None:
    seen = []
    with pytest.raises(ZeroDivisionError), collection_paused():
        seen.append(1 // gc.isenabled())
    assert seen == []
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    with collection_paused():
        with collection_paused():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()


def test_circles_of_a_batch_are_freed_while_the_collector_is_paused() -> None:
    with collection_paused():
        node = Node()
        gone = weakref.ref(node)
        del node
        assert gone() is not None
        collect_young()
        assert gone() is None
