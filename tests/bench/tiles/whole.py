"""A whole layer of buildings from the base to files on disk: buildings per CPU-second, bytes a building, peak of memory.

Run: ``python tests/bench/tiles/whole.py [buildings] [repeats]``. The base is that of ``plan.py``; every repeat builds into an empty folder, in
this process. The first one loads the compiled code as well. The peak is that of the process, making of the base included.
"""

import resource
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from plan import fill

import tiles
from twin.city import City
from twin.store import Store
from twin.store.scene import Scene


def main(n: int = 200_000, repeats: int = 2) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder:
        city = City.init(Path(folder) / "city")
        with Store.open(city) as store:
            fill(store, n)
        with Store.open(city, read_only=True) as store:
            measure(store, Path(folder), n, repeats)


def measure(store: Store, folder: Path, n: int, repeats: int) -> None:
    """Measure one base."""
    for i in range(repeats):
        start = time.process_time()
        tiles.build(Scene(store), folder / str(i), ["buildings"])
        spent = time.process_time() - start
        sys.stdout.write(f"build {i}: {spent:.2f} CPU-s, {n / spent:,.0f} buildings a CPU-s\n")
    files = [p for p in (folder / "0" / "buildings").rglob("*") if p.is_file()]
    for kind in (".glb", ".glb.gz", ".json", ".subtree"):
        sizes = [p.stat().st_size for p in files if p.name.endswith(kind)]
        sys.stdout.write(f"{kind}: {len(sizes)} files, {sum(sizes) / n:.1f} B a building\n")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(f"peak: {peak:.0f} MiB\n")


if __name__ == "__main__":
    main(*(int(a) for a in sys.argv[1:3]))
