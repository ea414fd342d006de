"""The official 3D Tiles validator over tiles of cities and of real sources, beside our own checker.

::

    python tests/real/validators.py --validator "node …/build/main.js" [CITY, FILE or FOLDER…] [--json] [--only WORD]

A folder with a ``city.toml`` is a city: its tiles are looked at as they lie there. Everything else is a source, loaded into a throw-away city
of its own and tiled (default: footprints, CityJSON, CityGML, clouds and every IFC model of ``../shared/data``). The validator looks at every
content as well, with the glTF validator inside. Contents of the implicit face that the explicit one has too are looked at twice.

Without ``--validator``, ``3d-tiles-validator`` is looked for on the path. Where it is not in the npm registry, it is built from its repository
(CesiumGS/3d-tiles-validator): ``npm install && npm run build``; then ``--validator "node build/main.js"``.

Exit code 1 where anything has an error or a warning, of theirs or of ours; 2 where there is no validator.
"""

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).resolve().parent)]

import models  # noqa: E402

import tiles  # noqa: E402
from api.loading import load_layers  # noqa: E402
from loaders.base import LayerInfo  # noqa: E402
from loaders.discovery import scan_all  # noqa: E402
from loaders.propose import propose  # noqa: E402
from tiles.check import check  # noqa: E402
from twin.city import City  # noqa: E402
from twin.errors import TwinError  # noqa: E402
from twin.heights import Heights  # noqa: E402
from twin.plan import LayerPlan  # noqa: E402
from twin.store import Store  # noqa: E402
from twin.store.scene import Scene  # noqa: E402

DATA = models.DEFAULT.parent.resolve()
SOURCES = {
    "china/derived/nanshan_wgs84.geojson": None, "china/derived/nanshan_4547_gbk_nocpg": None, "china/buildings-shenzhen-nanshan": None,
    "china/derived/shanghai_osm_buildings.geojson": None, "cityjson/cjio/delft.json": None, "cityjson/cjio/delft_1b.json": None,
    "cityjson/cjio/rotterdam/rotterdam_subset.json": "EPSG:7415", "cityjson/threejs-loader": None,
    "citygml/plateau-nusamai/yokosuka-shi/udx/bldg": None, "citygml/ingolstadt-lod3": None, "citygml/citygml4j/lod3_building_v2.gml": None,
    "citygml/citygml3-encodings/ADE-examples/Urban-Planning-ADE/53394517_bldg_6697_2_op_CityGML2.gml": None,
    "pointcloud/laspy/autzen_trim.laz": None, "pointcloud/laspy/simple.copc.laz": "EPSG:2994", "pointcloud/ahn3-3dfier/ahn3/ahn3_cropped_1.laz": "EPSG:28992",
    "ifc/*.ifc": None,
}  # fmt: skip
"""Patterns below the folder of real data, with the system of those that do not name theirs."""
LAYERS = ("buildings", "models", "rooms", "pipes", "furniture", "points", "scene")
SCENE = "**/{scene/tileset,rooms/tileset,buildings/implicit}.json"
"""The scene leads to every layer but the rooms, explicitly."""
ALONE = "**/{*/tileset,buildings/implicit}.json"
QUIET = {"contentValidationIssueSeverity": "WARNING"}


@dataclass(frozen=True)
class Verdict:
    """What was found in the tiles of one city; ``said`` holds each kind of message once, with how often it came."""

    name: str
    loaded: int
    files: int
    errors: int
    warnings: int
    own: int
    said: dict[str, int]
    note: str = ""

    @property
    def clean(self) -> bool:
        """Nothing to say, and there was something to look at."""
        return not (self.errors or self.warnings or self.own) and (
            bool(self.files) or not self.loaded
        )

    def line(self) -> str:
        """As a row of a Markdown table."""
        cells = (self.name, self.loaded, self.files, self.errors, self.warnings, self.own, self.note or ("ok" if self.clean else "NOT CLEAN"))  # fmt: skip
        return "| " + " | ".join(map(str, cells)) + " |"


HEAD = "| source | things | files | errors | warnings | own checker | |\n|" + "---|" * 7


def validator(given: str | None) -> list[str] | None:
    """The words that call the validator; None where there is none."""
    if given:
        return shlex.split(given)
    found = shutil.which("3d-tiles-validator")
    return [found] if found else None


def told(words: Sequence[str], folder: Path) -> dict[str, dict[str, Any]]:
    """The validator's report on every entry of a tiles folder.

    Raises
    ------
    RuntimeError
        If it ended badly or said nothing of an entry.
    """
    entries = SCENE if (folder / "scene").is_dir() else ALONE
    with tempfile.NamedTemporaryFile("w", suffix=".json") as options:
        json.dump(QUIET, options)
        options.flush()
        asked = [*words, "-T", str(folder), "-g", entries, "-o", options.name]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
    sections = done.stdout.split("Validating tileset ")[1:]
    reports = {}
    for section in sections:
        path, _, rest = section.partition("\n")
        _, found, text = rest.partition("Validation result:\n")
        if not found:
            raise RuntimeError(f"no report on {path}: {rest[-500:]}{done.stderr[-500:]}")
        reports[path] = json.JSONDecoder().raw_decode(text)[0]
    missing = set(folder.glob("*/implicit.json")) | set(folder.glob("scene/tileset.json"))
    missing -= {Path(p) for p in reports}
    if done.returncode or missing:
        raise RuntimeError(f"code {done.returncode}, no report on {sorted(missing)}: {done.stderr[-800:]}")  # fmt: skip
    return reports


def leaves(issues: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The messages themselves; an issue that only sums up those of a content is left out."""
    for issue in issues:
        causes = issue.get("causes", [])
        if causes:
            yield from leaves(causes)
        elif issue.get("severity") in ("ERROR", "WARNING"):
            yield issue


def judged(name: str, folder: Path, words: Sequence[str], loaded: int, note: str = "") -> Verdict:
    """The tiles of one folder, by the official validator and by our checker."""
    reports = told(words, folder)
    issues = [i for r in reports.values() for i in leaves(r.get("issues", []))]
    own = check(folder)
    said = Counter(f"{i['severity']} {i['type']}: {i['message'][:200]}" for i in issues)
    said.update(f"own {f.rule}: {f.path}: {f.message}"[:240] for f in own)
    suffixes = (".glb", ".json", ".subtree")
    files = [p for p in folder.rglob("*") if p.suffix in suffixes and p.name != "manifest.json"]
    severities = Counter(i["severity"] for i in issues)
    return Verdict(name, loaded, len(files), severities["ERROR"], severities["WARNING"], len(own), dict(said.most_common(12)), note)  # fmt: skip


def planned(info: LayerInfo, system: str | None) -> LayerPlan:
    """What scan proposes; a place given where the source has none that is sure."""
    if info.path.suffix.lower().startswith(".ifc"):
        return models.planned(info)
    plan = propose([info]).layers[0]
    if system is None and (info.crs or plan.crs or plan.placement):
        return plan
    box = info.bounds or (0, 0, 0, 0)
    degrees = max(abs(box[0]), abs(box[2])) <= 360 and max(abs(box[1]), abs(box[3])) <= 90
    return replace(
        plan, crs=system or ("EPSG:4490" if degrees else "EPSG:4547"), crs_evidence="given"
    )


def source(path: Path, system: str | None, words: Sequence[str], keep: Path | None) -> Verdict:
    """A source loaded into a throw-away city, tiled and judged."""
    name = str(path.relative_to(DATA)) if path.is_relative_to(DATA) else path.name
    with tempfile.TemporaryDirectory(prefix="citytwin-validators-") as made:
        folder = (keep / path.stem) if keep else Path(made) / "city"
        city = City.init(folder, name="validators")
        with Store.open(city) as store:
            layers = [
                (i, planned(i, system)) for i in scan_all([path]).layers if i.format != "unreadable"
            ]
            results = load_layers(store, Heights(0.0), layers, proposed=True)
            loaded = sum(r.balance.loaded + r.balance.merged for r in results)
            refused = "; ".join(sorted({str(r.reason)[:160] for r in results if r.status != "loaded"}))  # fmt: skip
            report = tiles.build(Scene(store), city.tiles, LAYERS)
        if not any(layer.features for layer in report.layers):
            return Verdict(name, loaded, 0, 0, 0, 0, {}, f"nothing in 3D; {refused}".strip("; "))
        return judged(name, city.tiles, words, loaded, refused)


def wanted(given: Sequence[Path]) -> Iterator[tuple[Path, str | None]]:
    """Sources and cities with the system given to them; the default ones that are there where none is given."""
    known = {p: system for pattern, system in SOURCES.items() for p in sorted(DATA.glob(pattern))}
    for path in given or known:
        yield path.resolve(), known.get(path.resolve())


def main(arguments: list[str] | None = None) -> int:
    """Run it; exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("paths", nargs="*", type=Path)
    parser.add_argument("--validator", help="how the validator is called")
    parser.add_argument("--only", default="", help="sources whose path has this in it")
    parser.add_argument("--keep", type=Path, help="folder for the cities that are made")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args(arguments)
    words = validator(asked.validator)
    if words is None:
        sys.stderr.write((__doc__ or "").split("\n\n")[-2].strip() + "\n")
        return 2
    verdicts = []
    if not asked.json:
        sys.stdout.write(HEAD + "\n")
    for path, system in wanted(asked.paths):
        if asked.only not in str(path):
            continue
        if (path / "city.toml").is_file():
            city = City.open(path)
            verdict = judged(path.name, city.tiles, words, 1)
        else:
            try:
                verdict = source(path, system, words, asked.keep)
            except TwinError as err:
                verdict = Verdict(path.name, 0, 0, 0, 0, 0, {}, f"refused: {err}"[:200])
        verdicts.append(verdict)
        if not asked.json:
            sys.stdout.write(verdict.line() + "\n")
            for text, count in verdict.said.items():
                sys.stdout.write(f"    {count} × {text}\n")
            sys.stdout.flush()
    if asked.json:
        sys.stdout.write(json.dumps([asdict(v) | {"clean": v.clean} for v in verdicts], indent=1))
    return 0 if verdicts and all(v.clean for v in verdicts) else 1


if __name__ == "__main__":
    sys.exit(main())
