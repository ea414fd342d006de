"""OGC SensorThings 1.1 (18-088) over the streams of the city: model, questions and changes; no HTTP.

:mod:`~twin.sensorthings.model` says what entities there are and how they hang together,
:mod:`~twin.sensorthings.expressions` reads ``$filter`` and ``$orderby``,
:mod:`~twin.sensorthings.questions` reads paths and options, :mod:`~twin.sensorthings.sqltext` turns both into bound SQL,
:class:`~twin.sensorthings.reading.Reader` answers and :class:`~twin.sensorthings.writing.Writer` changes.
"""
