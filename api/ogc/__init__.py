"""OGC API – Features: collections, their items, and everything said about them.

``conformance``
    the classes declared;
``formats`` ``systems``
    what answers may be written in, and in which coordinates;
``readers``
    who answers a question: the base at a moment;
``question``
    a request for items understood;
``items`` ``envelope`` ``reshape``
    the hot routes, the frame around features, features in other coordinates or with fewer properties;
``writing``
    create, replace, update and delete;
``collections`` ``schemas`` ``landing``
    what is there and what can be asked of it;
``jsonfg`` ``downloads``
    further encodings;
``pages`` ``sketch``
    HTML with a small map;
``definition``
    the part of the API definition that is written by hand.
"""
