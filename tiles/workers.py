"""Districts made one after another, by a pool of processes, or on a Dask cluster: the same bytes.

A district is made from its own buildings alone (:mod:`tiles.districts`), so where it is made cannot matter.
Shapes are read by the one process that has the base; workers get Arrow tables and give bytes back, a bounded
number at a time and in order.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from tiles.districts import Area, District, make_district
from tiles.packing import with_packed
from twin.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from twin.terrain import Surface

__all__ = ["Made", "Workers", "make", "workers"]

AHEAD = 3
"""Districts a worker has waiting."""


@dataclass(frozen=True, slots=True)
class Made:
    """A district and its files."""

    district: District
    files: list[tuple[str, bytes]]


def make(area: Area, terrain: Surface | None) -> Made:
    """Make one district."""
    files: list[tuple[str, bytes]] = []
    write = with_packed(lambda n, b: files.append((n, b)))
    return Made(make_district(area, terrain, write), files)


class Workers:
    """Makes districts in this process."""

    def run(self, areas: Iterable[Area], terrain: Surface | None) -> Iterator[Made]:
        """What is made of each area, in their order."""
        for area in areas:
            yield make(area, terrain)


_ground: list[Surface | None] = [None]


def _start(terrain: Surface | None) -> None:
    _ground[0] = terrain


def _make_here(area: Area) -> Made:
    return make(area, _ground[0])


class _Pool(Workers):
    """Makes districts in processes of this machine."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def run(self, areas: Iterable[Area], terrain: Surface | None) -> Iterator[Made]:
        context = get_context("spawn")
        with ProcessPoolExecutor(self.jobs, context, _start, (terrain,)) as pool:
            yield from _in_order(areas, lambda a: pool.submit(_make_here, a), self.jobs * AHEAD)


class _Cluster(Workers):
    """Makes districts on a Dask cluster."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - an optional dependency
        self.client = client

    def run(self, areas: Iterable[Area], terrain: Surface | None) -> Iterator[Made]:
        ground = self.client.scatter([terrain], broadcast=True)[0]
        threads = sum(self.client.nthreads().values())

        def submit(area: Area) -> Any:  # noqa: ANN401
            return self.client.submit(make, area, ground, pure=False)

        yield from _in_order(areas, submit, max(1, threads) * AHEAD)


def _in_order(areas: Iterable[Area], submit: Callable[[Area], Any], most: int) -> Iterator[Made]:
    waiting: deque[Any] = deque()
    for area in areas:
        waiting.append(submit(area))
        if len(waiting) >= most:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


@contextmanager
def workers(jobs: int = 1, scheduler: str | None = None) -> Iterator[Workers]:
    """Who makes the districts for as long as the block runs.

    Parameters
    ----------
    jobs : int
        Processes on this machine; 1 is this process.
    scheduler : str, optional
        Address of a Dask scheduler, ``tcp://host:port``; its workers need the same version of this package.

    Raises
    ------
    InvalidRequestError
        If ``jobs`` is no number of processes, both are asked for, the scheduler does not answer, or Dask is not
        installed.
    """
    if not 1 <= jobs <= 256 or (scheduler is not None and jobs > 1):
        text = f"jobs={jobs}, scheduler={scheduler}: expected 1 to 256 processes, or a scheduler"
        raise InvalidRequestError(text, "jobs")
    if scheduler is None:
        yield Workers() if jobs == 1 else _Pool(jobs)
        return
    try:
        from distributed import Client
    except ImportError as err:
        text = "a Dask scheduler needs the extra `cluster`: pip install 'citytwin[cluster]'"
        raise InvalidRequestError(text, "scheduler") from err
    try:
        client: Any = Client(scheduler, timeout="10s", set_as_default=False)  # type: ignore[no-untyped-call] # has no types
    except (OSError, ValueError) as err:
        text = f"no Dask scheduler answers at {scheduler}: {err}"
        raise InvalidRequestError(text, "scheduler") from err
    with client:
        yield _Cluster(client)
