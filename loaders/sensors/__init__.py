"""Sensor data of any shape as datastreams and readings.

``series.py`` tells what a table of readings looks like (long or wide), ``melting.py`` turns its rows into
datastreams and readings; ``sensorthings.py``, ``ngsi.py`` and ``waterml.py`` read the payloads of live platforms,
``loader.py`` offers those as two layers.
"""
