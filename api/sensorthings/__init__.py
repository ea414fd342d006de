"""SensorThings 1.1 over HTTP: the service, and the routes below ``/v1.1``."""
