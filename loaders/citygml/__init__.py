"""CityGML 2.0 and 3.0 in streams: members one by one, their geometry in columns.

``reading.py`` opens the XML without entities or network and hands out member by member; ``geometry.py`` takes
faces out of them and ``numbers.py`` (compiled) their coordinates; ``features.py`` drafts the city objects,
``properties.py`` their attributes, addresses and code lists; ``appearance.py`` their textures; ``srs.py`` knows
what a srsName means and which axis comes first.
"""

from loaders.citygml.loader import CityGmlLoader

__all__ = ["CityGmlLoader"]
