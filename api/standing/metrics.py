"""Numbers for Prometheus (text format 0.0.4): requests, times, the base, tiles, the live stream."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from api.standing.tally import BOUNDS, Tally
from api.state import CityState
from twin.live.state import STATES
from twin.store.read import version

__all__ = ["exposition"]


class _Told(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Metric]:
        """All of them."""
        return self._metrics


def exposition(tally: Tally, state: CityState) -> bytes:
    """The page Prometheus reads."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Told([*_requests(tally), *_city(state)]))
    return generate_latest(registry)


def _requests(tally: Tally) -> Iterator[Metric]:
    requests = CounterMetricFamily(
        "twin_requests", "Requests answered", labels=["method", "route", "status"]
    )
    for (method, route, status), n in list(tally.requests.items()):
        requests.add_metric([method, route, str(status)], n)
    yield requests
    sizes = CounterMetricFamily("twin_response_bytes", "Bytes of answers", labels=["route"])
    times = HistogramMetricFamily(
        "twin_request_seconds", "Time to the end of the answer", labels=["route"]
    )
    for route, buckets in list(tally.times.items()):
        sizes.add_metric([route], tally.bytes.get(route, 0))
        total = 0.0
        listed: list[tuple[str, float]] = []
        for bound, some in zip([*map(str, BOUNDS), "+Inf"], buckets[:-1], strict=True):
            total += some
            listed.append((bound, total))
        times.add_metric([route], listed, buckets[-1])
    yield sizes
    yield times
    yield GaugeMetricFamily("twin_requests_open", "Requests being answered", tally.open)


def _city(state: CityState) -> Iterator[Metric]:
    yield GaugeMetricFamily("twin_base_version", "Last change of the base", version(state.store))
    things = GaugeMetricFamily("twin_things", "Things now", labels=["collection"])
    for info in state.collections().values():
        things.add_metric([info.id], info.count)
    yield things
    yield CounterMetricFamily(
        "twin_vector_tiles_made", "Vector tiles made when asked for", state.vectors.made
    )
    yield GaugeMetricFamily(
        "twin_vector_tiles_kept_bytes", "Vector tiles in memory", state.vectors.kept_bytes
    )
    now = state.hub.indicators()
    streams = GaugeMetricFamily("twin_streams", "Streams by state", labels=["state"])
    for name in STATES:
        streams.add_metric([name], now["streams"]["by_state"][name])
    yield streams
    yield GaugeMetricFamily("twin_alarms_open", "Open alarms", now["alarms"]["open"])
    yield GaugeMetricFamily("twin_cases_open", "Open cases", now["cases"]["open"])
    yield GaugeMetricFamily(
        "twin_live_followers", "Subscribers of the live stream", state.hub.events.followers
    )
    yield CounterMetricFamily(
        "twin_live_events", "Events of the live stream", state.hub.events.published
    )
