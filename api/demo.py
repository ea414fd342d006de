"""The sample city, from nothing to tiles."""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson

import address
import api
import loaders
import sample_data
import tiles
import twin
from api import pipeline
from api.report import LoadReport
from sample_data.cases import UNITS
from sample_data.district import ADMIN_CODE, COUNTY, CRS, GEOID_UNDULATION
from sample_data.make import generate
from tiles import TileReport
from twin.cases import CaseOffice
from twin.city import City
from twin.errors import CityError
from twin.store import Store

__all__ = ["DemoReport", "build_demo", "built_demo"]

FINISHED: Final = "demo.json"
"""In the city folder: the report of the build that finished, and the code that built it."""


@dataclass(frozen=True, slots=True)
class DemoReport:
    """Counts per generated layer, the load, the tiles, and the seconds of each stage."""

    generated: dict[str, int]
    load: LoadReport
    tiles: TileReport
    timings: dict[str, float]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON document."""
        return {
            "counts": self.generated,
            "load": self.load.to_json(),
            "tiles": self.tiles.to_json(),
            "timings": {k: round(v, 3) for k, v in self.timings.items()},
        }


def build_demo(
    folder: Path, progress: Callable[[str, int, int | None], None] | None = None
) -> DemoReport:
    """Generate the sample district, load it into ``folder`` and tile it; what is there already is brought up to date.

    Raises
    ------
    CityError
        If ``folder`` holds another city: the sample never mixes with real data.
    """
    started = time.perf_counter()
    city = _city(folder)
    (folder / FINISHED).unlink(missing_ok=True)
    sources = city.path / "inbox" / "sample"
    told = (
        None
        if progress is None
        else lambda name, share: progress(f"generate {name}", int(share * 100), 100)
    )
    generated = generate(sources, told)
    at_generated = time.perf_counter()
    load = pipeline.load(city, [], sources / "plan.toml", progress=progress)
    with Store.open(city) as store:
        CaseOffice(store).replace_units(UNITS)
    at_loaded = time.perf_counter()
    built = pipeline.tile(city, progress=progress)
    timings = {
        "generate": at_generated - started,
        "load": at_loaded - at_generated,
        "tile": time.perf_counter() - at_loaded,
    }
    report = DemoReport(generated, load, built, timings)
    document = {"code": _code(), "report": report.to_json()}
    (folder / FINISHED).write_bytes(orjson.dumps(document, default=str))
    return report


def built_demo(folder: Path) -> dict[str, Any] | None:
    """The report of the sample city in ``folder`` where this very code built it to the end; else None."""
    try:
        document = orjson.loads((folder / FINISHED).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    if not isinstance(document, dict) or document.get("code") != _code():
        return None
    city = _city(folder)
    whole = city.base_path.is_file() and (city.tiles / "scene" / "tileset.json").is_file()
    return document["report"] if whole else None


def _city(folder: Path) -> City:
    """The sample city's folder, made where there is none."""
    if not (folder / "city.toml").exists():
        return City.init(
            folder, name=COUNTY, admin_code=ADMIN_CODE, source_crs=CRS, undulation=GEOID_UNDULATION
        )
    city = City.open(folder)
    if city.admin_code != ADMIN_CODE:
        raise CityError(
            f"{folder} holds another city ({city.name}); the sample is never mixed with it. "
            "Give a folder of its own: twin demo DIR."
        )
    return city


def _code() -> str:
    """Digest of everything that decides what a build holds: modules, statements and code tables."""
    digest = hashlib.sha256()
    for package in (twin, loaders, address, tiles, api, sample_data):
        for root in map(Path, package.__path__):
            for file in sorted(p for p in root.rglob("*") if p.suffix in (".py", ".sql", ".csv")):
                digest.update(file.relative_to(root).as_posix().encode())
                digest.update(file.read_bytes())
    return digest.hexdigest()
