"""Compiled fast path: the plain readings of an address, without a Python step per character.

``folding`` folds code points, ``tokens`` reads numbered parts, ``items`` cuts a text by the names
of a gazetteer, ``options`` tells how a number can be read, ``descent`` follows the items down the
tree and ``search`` finds the ways from every anchor. Each says "not mine" for what it does not
know; then the reference (`address.normalise`, `address.segment`, `address.query`,
`address.descend`, `address.match`) answers, and an answer given here is the reference's.
"""
