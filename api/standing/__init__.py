"""How the server stands in a running system: what it says of itself, what it writes down, what it sends.

``watch``
    the outermost middleware: request ids, security headers, access log, metrics, audit;
``tally`` ``metrics`` ``journal``
    requests counted, numbers for Prometheus, and the two logs (access, audit);
``encodings``
    compressed answers and their ETags;
``wire``
    bounds of connections that HTTP itself does not set.
"""

from api.standing.encodings import Encodings
from api.standing.watch import Notes, Watch

__all__ = ["Encodings", "Notes", "Watch"]
