"""The address tree in the base: what is there, its codes, what happened to it.

``tree.py`` reads it (now, and as it was), ``settling.py`` tells which nodes of a delivery are known, ``numbering.py``
keeps serials and codes, ``edits.py`` inserts, renames, retires, splits and merges with an event each.
"""

from twin.addresses.edits import Edited, Editor, NewNode
from twin.addresses.numbering import give_serials, write_codes
from twin.addresses.settling import settle
from twin.addresses.tree import edition, gone, names, nodes_at, whole_tree

__all__ = [
    "Edited",
    "Editor",
    "NewNode",
    "edition",
    "give_serials",
    "gone",
    "names",
    "nodes_at",
    "settle",
    "whole_tree",
    "write_codes",
]
