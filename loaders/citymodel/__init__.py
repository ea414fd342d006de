"""City models in columns, whatever the encoding: shapes, meshes, footprints, records.

``drafts.py`` turns drafted city objects into batches; ``shapes.py`` holds their faces and builds meshes with
``triangulation.py`` and ``welding.py`` (compiled); ``footprints.py`` finds what they cover; ``classes.py`` knows
the object types and ``images.py`` the textures. CityJSON and CityGML both draft for it.
"""
