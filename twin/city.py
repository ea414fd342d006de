"""One city is one folder: ``city.toml``, ``base.duckdb``, ``assets/``, ``tiles/``, ``inbox/``."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tomli_w

from twin.errors import CityError, CrsError

if TYPE_CHECKING:
    from twin.crs import Grid

__all__ = ["City"]

FOLDERS = ("assets", "tiles", "inbox")


@dataclass(frozen=True, slots=True)
class City:
    """A city folder and its settings; copy the folder, and the city has moved.

    Parameters
    ----------
    path : Path
        The folder.
    name : str
        As people call it.
    admin_code : str
        行政区划代码, 6 digits.
    source_crs : str
        CRS expected of sources that declare none; a proposal for the plan, never assumed in
        silence.
    undulation : float
        Metres; ellipsoidal height = 1985 height + undulation.
    edition : str
        Edition of the class codes.
    time_zone : str
        Zone of the tz database in which sources write times that name none.
    grids : mapping of str to Grid
        The city's own grids by name, from ``[crs.local.<name>]`` with ``base``, ``dx``, ``dy`` and,
        where it is turned or scaled, ``rotation`` (degrees) and ``scale``; a plan names one as
        ``LOCAL:<name>``.
    working_hours : tuple of (begin, end)
        Spans of a working day, hours of the day, from ``[cases] hours = ["8:30-12:00", "14:00-17:30"]``; empty: those two.
    days_off, days_worked : tuple of date
        Days that are not as the calendar says, from ``[cases] days_off`` and ``days_worked``.
    """

    path: Path
    name: str
    admin_code: str = "000000"
    source_crs: str = "EPSG:4490"
    undulation: float = 0.0
    edition: str = "citytwin-2026"
    time_zone: str = "Asia/Shanghai"
    grids: "Mapping[str, Grid]" = field(default_factory=dict)
    working_hours: tuple[tuple[float, float], ...] = ()
    days_off: tuple[date, ...] = ()
    days_worked: tuple[date, ...] = ()

    @property
    def base_path(self) -> Path:
        """The DuckDB file."""
        return self.path / "base.duckdb"

    @property
    def assets(self) -> Path:
        """Content-addressed meshes and rasters."""
        return self.path / "assets"

    @property
    def arenas(self) -> Path:
        """What collections are served from (:mod:`twin.arena`); may be deleted and is built again."""
        return self.path / "arenas"

    @property
    def tiles(self) -> Path:
        """Tiles; may be deleted and built again."""
        return self.path / "tiles"

    @classmethod
    def open(cls, path: Path) -> "City":
        """Open an existing city folder.

        Raises
        ------
        CityError
            If there is no readable ``city.toml`` in it.
        """
        settings = path / "city.toml"
        if not settings.is_file():
            raise CityError(
                f"{path} is no city folder: city.toml is missing. Make one with `twin init {path}`."
            )
        try:
            data: dict[str, Any] = tomllib.loads(settings.read_text(encoding="utf-8"))
            grids = _local_grids(data.get("crs", {}).get("local", {}))
            return cls(
                path=path,
                name=str(data["city"]["name"]),
                admin_code=str(data["city"].get("admin_code", "000000")),
                source_crs=str(data.get("crs", {}).get("source", "EPSG:4490")),
                undulation=float(data.get("heights", {}).get("geoid_undulation_m", 0.0)),
                edition=str(data["city"].get("edition", "citytwin-2026")),
                time_zone=str(data["city"].get("time_zone", "Asia/Shanghai")),
                grids=grids,
                **_working_time(data.get("cases", {})),
            )
        except (
            tomllib.TOMLDecodeError,
            KeyError,
            TypeError,
            ValueError,
            AttributeError,
            UnicodeDecodeError,
            CrsError,
        ) as err:
            raise CityError(
                f"{settings}: cannot be read ({err}). Expected a [city] table with a name."
            ) from err

    @classmethod
    def init(
        cls,
        path: Path,
        *,
        name: str | None = None,
        admin_code: str = "000000",
        source_crs: str = "EPSG:4490",
        undulation: float = 0.0,
        time_zone: str = "Asia/Shanghai",
    ) -> "City":
        """Make a new city folder; an existing ``city.toml`` is never overwritten.

        Raises
        ------
        CityError
            If ``path`` already holds a city, or is a file.
        """
        if path.exists() and not path.is_dir():
            raise CityError(f"{path} is a file; a city needs a folder.")
        if (path / "city.toml").exists():
            raise CityError(f"{path} already holds a city; open it, or choose another folder.")
        for folder in FOLDERS:
            (path / folder).mkdir(parents=True, exist_ok=True)
        city = cls(path, name or path.name, admin_code, source_crs, undulation, time_zone=time_zone)
        document = {
            "city": {
                "name": city.name,
                "admin_code": admin_code,
                "edition": city.edition,
                "time_zone": time_zone,
            },
            "crs": {"source": source_crs},
            "heights": {"geoid_undulation_m": undulation},
        }
        (path / "city.toml").write_text(tomli_w.dumps(document), encoding="utf-8")
        return city


def _working_time(table: Mapping[str, Any]) -> dict[str, Any]:
    """Working hours and days of ``[cases]``."""
    spans = tuple(tuple(map(_hour, text.split("-"))) for text in table.get("hours", ()))
    flat = [hour for span in spans for hour in span]
    if any(len(span) != 2 for span in spans) or flat != sorted(set(flat)):
        raise ValueError(
            f'[cases] hours {list(table["hours"])}: expected spans of a day in order, such as "8:30-12:00"'
        )
    days = {
        name: tuple(date.fromisoformat(str(day)) for day in table.get(name, ()))
        for name in ("days_off", "days_worked")
    }
    return {"working_hours": spans, **days}


def _hour(text: str) -> float:
    hour, minute = map(int, text.split(":"))
    if not (0 <= minute < 60 and 0 <= hour * 60 + minute <= 24 * 60):
        raise ValueError(f"{text!r} is no time of the day")
    return hour + minute / 60


def _local_grids(tables: Mapping[str, Mapping[str, Any]]) -> "dict[str, Grid]":
    """The city's grids, made known to :mod:`twin.crs` under ``LOCAL:<name>``."""
    if not tables:
        return {}
    from twin.crs import Grid, define_local  # heavy: only for cities with grids of their own

    grids = {
        name: Grid(
            str(table["base"]),
            float(table["dx"]),
            float(table["dy"]),
            float(table.get("rotation", 0.0)),
            float(table.get("scale", 1.0)),
        )
        for name, table in tables.items()
    }
    for name, grid in grids.items():
        define_local(name, grid)
    return grids
