"""The scene stream (docs/scene-stream.md): states of many things to many readers.

:mod:`~api.scene.following` keeps the states of what a caller sees, :mod:`~api.scene.feed` hands frames about one
question to all who ask it, :mod:`~api.scene.past` plays an interval of the past, :mod:`~api.scene.asking` reads
what is asked, :mod:`~api.scene.shapes` says it as JSON, GeoJSON and CZML.
"""

from api.scene.feed import Feeds
from api.scene.following import Scenes

__all__ = ["Feeds", "Scenes"]
