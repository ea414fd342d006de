"""Arenas: what collections are served from, in files that any number of processes map.

:mod:`.build` makes a segment of a collection from the base, :mod:`.segment` maps it, :mod:`.delta` holds what changed
since, :mod:`.view` is both at one version, :mod:`.reader` answers from it, and :mod:`.keeper` keeps it as the base is.
:class:`CityReader` answers from arenas where they are ready, and from the base where they are not.
"""

from twin.arena.keeper import ArenaKeeper
from twin.arena.present import CityReader
from twin.arena.reader import ArenaReader, Pinned

__all__ = ["ArenaKeeper", "ArenaReader", "CityReader", "Pinned"]
