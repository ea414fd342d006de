"""Several processes serve one city: one writes, the others read.

``supervisor``
    starts them on one port, starts again who dies, ends all;
``reader``
    answers what its arenas hold, and passes everything else on;
``forward``
    a request passed on to the writer over its Unix socket, and the answer back;
``writer``
    the whole application, behind that socket; it alone holds the base.
"""
