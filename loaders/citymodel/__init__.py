"""City models in columns, whatever the encoding: shapes, meshes, footprints, records.

``drafts.py`` is what a parser drafts, ``placing.py`` and ``batches.py`` turn it into batches; ``shapes.py`` holds
faces and builds meshes of them with ``cleaning.py``, ``triangulation.py`` and ``welding.py`` (compiled);
``surfaces.py`` looks at each description of semantic surfaces once, ``choosing.py`` (compiled) says which shape
is outline and mesh of its object, ``footprints.py`` with ``grounds.py`` (compiled) finds what they cover;
``classes.py`` knows the object types, ``attributes.py`` their names, ``images.py`` the textures.
CityJSON and CityGML both draft for it.
"""
