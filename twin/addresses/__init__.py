"""The address tree in the base: what is there, its codes, what happened to it.

``tree.py`` reads it (now, and as it was), ``settling.py`` tells which nodes of a delivery are known, ``numbering.py``
keeps serials and codes, ``edits.py`` inserts, renames, retires, splits and merges with an event each.
"""

from twin.addresses.edits import Edited, Editor, Finish, NewNode
from twin.addresses.numbering import (
    give_serials,
    mark_numbered,
    settle_mains,
    write_codes,
    write_heights,
)
from twin.addresses.settling import settle
from twin.addresses.tree import (
    gone,
    names,
    nodes_at,
    some_nodes,
    state,
    touched,
    tree_about,
    tree_node,
    whole_tree,
)

__all__ = [
    "Edited",
    "Editor",
    "Finish",
    "NewNode",
    "give_serials",
    "gone",
    "mark_numbered",
    "names",
    "nodes_at",
    "settle",
    "settle_mains",
    "some_nodes",
    "state",
    "touched",
    "tree_about",
    "tree_node",
    "whole_tree",
    "write_codes",
    "write_heights",
]
