"""An IFC model through the loader, beside the bare geometry iterator with as many threads.

Run as ``python tests/bench/loaders/ifc.py FILES…``, ``--floors 18 400`` for towers of the sample city
with so many storeys (18 is the demo's own); without either, that tower and 1,500 walls. A row tells

- **time**: CPU seconds here over those of the iterator, of all processes of a side;
- **properties**: what property sets, quantities, types, materials and classifications add to a read
  without them;
- **memory**: the most that all processes of a side hold together, pages that they share counted once
  and those of libraries as if nobody else had them open; of the loading process what it grew by.

Each side runs in a fresh process, by turns, ``--rounds`` times; a figure is the median of its rounds. The
loader's server is warm, as it is from the second model of a load on (its start is printed as well); what
watching memory costs is taken off both sides. The iterator gets as many threads as the loader gives
it, or ``--threads N`` to compare with.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from loaders.ifc.shapes import Limits

ROUNDS = 5
_CODE = """
import gc, json, os, resource, sys, threading, time
from pathlib import Path

def anon_of(pid):
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return next(int(l.split()[1]) for l in text.splitlines() if l.startswith("Pss_Anon:")) / 1024
    except (OSError, StopIteration, ValueError):
        return 0

def below(pid):
    group, out = [pid], []
    while group:
        try:
            for task in Path(f"/proc/{group.pop()}/task").iterdir():
                group += (found := (task / "children").read_text().split())
                out += found
        except OSError:
            pass
    return out

def held(pids):
    files = {}
    for pid in pids:
        here, inode = {}, "0"
        try:
            text = Path(f"/proc/{pid}/smaps").read_text()
        except OSError:
            continue
        for line in text.splitlines():
            name, _, rest = line.partition(":")
            if " " in name:
                inode = line.split()[4]
            elif name in ("Rss", "Anonymous") and inode != "0":
                size = int(rest.split()[0]) / 1024
                here[inode] = here.get(inode, 0) + (size if name == "Rss" else -size)
        for inode, size in here.items():
            files[inode] = max(files.get(inode, 0), size)
    return sum(files.values()) + sum(map(anon_of, pids))

def cpu():
    out = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        out += used.ru_utime + used.ru_stime
    return out - (time.clock_gettime(time.pthread_getcpuclockid(watcher.ident)) if watcher.ident else 0)

peak, own = [0.0], [None]
def watch():
    me = str(os.getpid())
    while True:
        used = held([me]) if own[0] is None else held(below(me)) + anon_of(me) - own[0]
        peak[0] = max(peak[0], used)
        time.sleep(0.1)
watcher = threading.Thread(target=watch, daemon=True)
"""
_BARE = """
import ifcopenshell, ifcopenshell.geom
watcher.start()
start = cpu(); clock = time.perf_counter()
model = ifcopenshell.open(sys.argv[1])
iterator = ifcopenshell.geom.iterator(ifcopenshell.geom.settings(), model, int(sys.argv[2]))
if iterator.initialize():
    while True:
        iterator.get()
        if not iterator.next():
            break
print(json.dumps([time.perf_counter() - clock, cpu() - start, peak[0]]))
"""
_OURS = """
from loaders.base import LayerInfo
from loaders.ifc import IfcLoader, loader, process
from twin.plan import LayerPlan
path, first = Path(sys.argv[1]), sys.argv[2] == "properties"
ask = loader.ask
begin = time.perf_counter()
list(process.ask(path, "warm"))
warm = time.perf_counter() - begin
def server_cpu():
    total = 0.0
    for server in process._idle:
        fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(int(v) for v in fields[11:15]) / os.sysconf("SC_CLK_TCK")
    return total
own[0] = anon_of(os.getpid())
watcher.start()
told = {}
for properties in (first, not first):
    loader.ask = lambda *of: ask(*of[:3], {**of[3], "properties": properties})
    gc.collect()
    own[0], peak[0] = anon_of(os.getpid()), 0.0
    start = cpu() + server_cpu(); clock = time.perf_counter()
    for batch in IfcLoader().read(LayerInfo(path, path.stem, "model", "IFC"), LayerPlan(str(path), kind="model")):
        pass
    wall = time.perf_counter() - clock
    told[properties] = [wall, cpu() + server_cpu() - start, peak[0]]
print(json.dumps([*told[True], warm, told[False][1]]))
"""


def once(code: str, path: Path, *more: str) -> list[float]:
    """Wall seconds, CPU seconds, peak MiB of one run; here also the server's start and CPU seconds without properties."""
    told = subprocess.run(
        [sys.executable, "-c", _CODE + code, str(path), *more], capture_output=True, check=True
    )
    return list(json.loads(told.stdout.splitlines()[-1]))


def row(path: Path, threads: int, rounds: int) -> str:
    """A row of the table: medians of ratios within a round."""
    bare, ours = [], []
    for number in range(rounds):
        bare.append(once(_BARE, path, str(threads)))
        ours.append(once(_OURS, path, ("properties", "none")[number % 2]))
    median = statistics.median
    ratio = [median(b[k] / a[k] for a, b in zip(bare, ours, strict=True)) for k in range(3)]
    added = median(a[1] / a[4] for a in ours) - 1
    size, cpu, memory = (
        path.stat().st_size / 1e6,
        median(a[1] for a in bare),
        median(a[2] for a in bare),
    )
    return (
        f"| {path.stem[:40]} | {size:.1f} | {cpu:.2f} | {ratio[1]:.2f} | {100 * added:+.0f} % | "
        f"{memory:.0f} | {ratio[2]:.2f} | {ratio[0]:.2f} | {median(a[3] for a in ours):.1f} |"
    )


def tower(path: Path, floors: int) -> Path:
    """The tower of the sample city with another number of storeys."""
    from sample_data import bim_tower

    bim_tower.FLOORS = floors
    bim_tower.write(path)
    return path


def walls(path: Path, count: int = 1500) -> None:
    """A model of walls, each cut by an opening, no two alike."""
    import ifcopenshell
    import ifcopenshell.guid

    model = ifcopenshell.file(schema="IFC4")
    f = model.create_entity
    axes = f("IfcAxis2Placement3D", f("IfcCartesianPoint", (0.0, 0.0, 0.0)))
    context = f("IfcGeometricRepresentationContext", None, "Model", 3, 1e-5, axes, None)
    metre = f("IfcSIUnit", UnitType="LENGTHUNIT", Name="METRE")
    f(
        "IfcProject",
        ifcopenshell.guid.new(),
        Name="P",
        RepresentationContexts=[context],
        UnitsInContext=f("IfcUnitAssignment", [metre]),
    )

    def thing(kind: str, x: float, y: float, dx: float, dy: float, dz: float):
        place = f(
            "IfcLocalPlacement", None, f("IfcAxis2Placement3D", f("IfcCartesianPoint", (x, y, 0.0)))
        )
        profile = f(
            "IfcRectangleProfileDef",
            "AREA",
            None,
            f("IfcAxis2Placement2D", f("IfcCartesianPoint", (dx / 2, dy / 2))),
            dx,
            dy,
        )
        solid = f("IfcExtrudedAreaSolid", profile, axes, f("IfcDirection", (0.0, 0.0, 1.0)), dz)
        shape = f(
            "IfcProductDefinitionShape",
            None,
            None,
            [f("IfcShapeRepresentation", context, "Body", "SweptSolid", [solid])],
        )
        return f(
            kind, ifcopenshell.guid.new(), Name=kind, ObjectPlacement=place, Representation=shape
        )

    for k in range(count):
        x, y = 8.0 * (k % 50), 4.0 * (k // 50)
        wall = thing("IfcWall", x, y, 5.0 + k * 1e-3, 0.24, 3.0)
        hole = thing("IfcOpeningElement", x + 1, y - 0.1, 1.0, 0.5, 2.1)
        f(
            "IfcRelVoidsElement",
            ifcopenshell.guid.new(),
            RelatingBuildingElement=wall,
            RelatedOpeningElement=hole,
        )
        props = [
            f("IfcPropertySingleValue", f"p{i}", None, f("IfcLengthMeasure", float(i)))
            for i in range(12)
        ]
        pset = f("IfcPropertySet", ifcopenshell.guid.new(), Name="P", HasProperties=props)
        f(
            "IfcRelDefinesByProperties",
            ifcopenshell.guid.new(),
            RelatedObjects=[wall],
            RelatingPropertyDefinition=pset,
        )
    model.write(str(path))


def tell(line: str) -> None:
    """A line on standard output, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main(files: list[Path], threads: int, rounds: int) -> None:
    """Print a row per model."""
    tell(
        "| model | MB | bare CPU s | time | properties | bare MiB | memory | wall | server start s |"
    )
    tell("|---|---|---|---|---|---|---|---|---|")
    for path in files:
        try:
            tell(row(path, threads, rounds))
        except subprocess.CalledProcessError as err:
            said = err.stderr.decode(errors="replace").strip().splitlines() or ["nothing said"]
            tell(f"| {path.stem[:40]} | not measured: {said[-1][:90]} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("files", type=Path, nargs="*")
    parser.add_argument("--threads", type=int, default=Limits().threads)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--floors", type=int, nargs="*", default=[])
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        given, floors = asked.files, asked.floors
        if not given and not floors:
            given, floors = [Path(folder) / "walls.ifc"], [18]
            walls(given[0])
        made = [tower(Path(folder) / f"tower of {n} storeys.ifc", n) for n in floors]
        main([*made, *given], asked.threads, asked.rounds)
