"""Python's search for circular garbage, held back where millions of plain records pass by."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collect_young", "collection_paused", "keep_all"]


@contextmanager
def collection_paused() -> Iterator[None]:
    """No search for circular garbage inside the block; the setting of before holds again afterwards.

    Parsed records hold no circles and are freed by their counts, but so many of them at once make
    Python walk over every object of the process again and again: a tenth of a load's time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def collect_young() -> None:
    """Free the circles among what was made since the last call; older objects are not looked at."""
    gc.collect(1)


def keep_all() -> None:
    """Objects of now are looked at no more: what a server has imported and built stays as long as it runs."""
    gc.freeze()
