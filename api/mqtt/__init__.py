"""MQTT 3.1.1 and 5: the endpoint devices publish readings to, and the bridge to a broker.

An acknowledgement (PUBACK, PUBREC) is a receipt: it is sent when the reading is on disk. ``codec.py``
knows the bytes, ``session.py`` one connection, ``endpoint.py`` all of them, ``rights.py`` who may publish
what, ``bridge.py`` takes readings from a broker a city already has.
"""
