"""IFC: opening, georeference, structure, properties, shapes in a process of their own, records.

``loader.py`` is what the registry asks; ``process.py`` and ``server.py`` keep the process that holds
a model; ``tasks.py`` is what that process does.
"""

from loaders.ifc.loader import IfcLoader

__all__ = ["IfcLoader"]
