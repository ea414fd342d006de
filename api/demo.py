"""The sample city, from nothing to tiles."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api import pipeline
from api.report import LoadReport
from sample_data.district import ADMIN_CODE, COUNTY, CRS, GEOID_UNDULATION
from sample_data.make import generate
from tiles import TileReport
from twin.city import City

__all__ = ["DemoReport", "build_demo"]


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
    """Generate the sample district, load it into ``folder`` and tile it; what is there already is brought up to date."""
    started = time.perf_counter()
    city = (
        City.open(folder)
        if (folder / "city.toml").exists()
        else City.init(
            folder, name=COUNTY, admin_code=ADMIN_CODE, source_crs=CRS, undulation=GEOID_UNDULATION
        )
    )
    sources = city.path / "inbox" / "sample"
    told = (
        None
        if progress is None
        else lambda name, share: progress(f"generate {name}", int(share * 100), 100)
    )
    generated = generate(sources, told)
    at_generated = time.perf_counter()
    load = pipeline.load(city, [], sources / "plan.toml", progress=progress)
    at_loaded = time.perf_counter()
    tiles = pipeline.tile(city, progress=progress)
    timings = {
        "generate": at_generated - started,
        "load": at_loaded - at_generated,
        "tile": time.perf_counter() - at_loaded,
    }
    return DemoReport(generated, load, tiles, timings)
