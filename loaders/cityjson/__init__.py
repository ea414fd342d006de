"""CityJSON 1.0 to 2.0 and CityJSONSeq: documents, boundaries, records."""

from loaders.cityjson.loader import CityJsonLoader

__all__ = ["CityJsonLoader"]
