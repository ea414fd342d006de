"""Chinese standard addresses (地名地址): from a careless sentence to a node and its place.

``normalise`` folds what people type, ``parse`` cuts it into elements with spans, ``standardise``
writes the canonical
string. ``build_nodes`` makes the address tree out of a gazetteer table; ``AddressIndex`` answers
``match``,
``geocode``, ``reverse`` and ``suggest`` over it; ``bind_rooms`` and ``bind_buildings`` tie its
leaves to the rooms
and buildings of the base. Everything is text and Arrow: no SQL, no HTTP, no network. `tag` alone
reads by learned weights (two small files in ``data``); nothing else depends on them.
"""

from address.bind import bind_buildings, bind_rooms
from address.history import History
from address.index import AddressIndex
from address.model import LEVELS, Element, Fault, Location, Match, Suggestion
from address.nodes import build_nodes
from address.normalise import Normalised, normalise
from address.parse import parse
from address.standardise import standardise
from address.tagger import Span, tag

__all__ = [
    "LEVELS",
    "AddressIndex",
    "Element",
    "Fault",
    "History",
    "Location",
    "Match",
    "Normalised",
    "Span",
    "Suggestion",
    "bind_buildings",
    "bind_rooms",
    "build_nodes",
    "normalise",
    "parse",
    "standardise",
    "tag",
]
