"""IFC: opening, georeference, structure, properties, shapes in a child process, records."""

from loaders.ifc.loader import IfcLoader

__all__ = ["IfcLoader"]
