"""Arenas and the base answer every question with the same bytes, while things are written between the questions."""

import pyarrow as pa
import shapely
from arena_town import Where, plain, thing, write
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from twin.arena import ArenaKeeper, ArenaReader
from twin.city import City
from twin.features.asking import EVERYTHING, Ask, Reach
from twin.features.stored import StoredReader
from twin.store import Store
from twin.store.read import Box

GRID = st.integers(0, 8).map(lambda i: 114.0 + i / 1024)
ALONG = st.integers(0, 8).map(lambda i: 30.0 + i / 1024)
HEIGHT = st.integers(0, 6).map(float)
POINT = st.builds(shapely.Point, GRID, ALONG)
RECT = st.tuples(GRID, ALONG, GRID, ALONG).map(
    lambda c: shapely.box(
        min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]) + 1 / 4096, max(c[1], c[3]) + 1 / 4096
    )
)
RING = RECT.map(lambda r: r.difference(r.buffer(-1 / 8192, join_style="mitre")))
LINE = st.lists(st.tuples(GRID, ALONG), min_size=2, max_size=3, unique=True).map(shapely.LineString)
MANY = st.lists(RECT, min_size=2, max_size=3).map(shapely.MultiPolygon)
SOLID = st.tuples(RECT, HEIGHT).map(lambda p: shapely.force_3d(p[0], p[1]))
VALUE = st.sampled_from([{}, {"usage": "住宅"}, {"usage": "商业", "year": 1998}, {"year": 2001, "share": 0.5}, {"on": "2020-02-03"},
                         {"tags": ["a", "b"]}, {"usage": "住宅", "share": 2.5, "open": True}, {"usage": None}])  # fmt: skip
BOXES = st.tuples(GRID, ALONG, GRID, ALONG, st.one_of(st.none(), st.tuples(HEIGHT, HEIGHT))).map(
    lambda c: Box(
        min(c[0], c[2]),
        min(c[1], c[3]),
        max(c[0], c[2]),
        max(c[1], c[3]),
        *(sorted(c[4]) if c[4] else (None, None)),
    )
)
CROSSING = st.just(Box(114.003, 29, 114.001, 31))


@st.composite
def made(draw):
    """One thing, of any shape or none."""
    which = draw(st.integers(0, 9))
    shape = None if which > 7 else draw(st.one_of(POINT, RECT, RING, LINE, MANY, SOLID))
    low = draw(st.one_of(st.none(), HEIGHT))
    return thing(
        shape,
        box=draw(RECT).bounds if which == 8 else None,
        attributes=draw(VALUE),
        class_code=draw(st.sampled_from(["building", "shed"])),
        name=draw(st.sampled_from([None, "临江花园", "1号楼"])),
        height_m=draw(st.one_of(st.none(), HEIGHT)),
        floors=draw(st.one_of(st.none(), st.integers(1, 3))),
        zmin=low,
        zmax=None if low is None else low + draw(HEIGHT),
        foot=draw(st.one_of(st.none(), HEIGHT)),
    )


WHERE = st.one_of(
    st.none(),
    st.just(Where.equals("usage", "住宅")),
    st.just(Where.equals("name", "1号楼")),
    st.just(Where.above("height_m", 2.0)),
    st.just(Where.above("year", 2000)),
    RECT.map(lambda r: Where.meets(r.centroid.buffer(1 / 700, quad_segs=2))),
)
REACH = st.one_of(
    st.just(EVERYTHING),
    st.builds(
        Reach,
        st.one_of(st.none(), st.just(frozenset({"shed"}))),
        st.one_of(st.none(), RECT.map(lambda r: r.buffer(1 / 1000, quad_segs=1))),
    ),
)
SORT = st.lists(
    st.tuples(st.sampled_from(["name", "height_m", "floors", "usage", "year", "share", "on", "open", "valid_from"]), st.booleans()),
    max_size=2, unique_by=lambda s: s[0],
).map(tuple)  # fmt: skip
ASK = st.builds(
    Ask, st.just("buildings"), st.one_of(st.none(), BOXES, CROSSING), WHERE, SORT,
    st.integers(0, 30), st.integers(0, 12), reach=REACH,
)  # fmt: skip
FIRST = [
    thing(shapely.Point(114, 30), attributes={"usage": "住宅", "year": 1998, "share": 0.25, "on": "2020-02-03", "tags": [1], "open": True}),
    thing(shapely.Point(114.001, 30), attributes={"share": 2, "year": None}),
]  # fmt: skip


class Town(RuleBasedStateMachine):
    """Edits and questions in any order."""

    folder = None
    numbers = iter(range(1 << 30))

    @initialize(things=st.lists(made(), max_size=25))
    def begin(self, things):
        city = City.init(self.folder / str(next(self.numbers)))
        self.store = Store.open(city)
        write(self.store, [*FIRST, *things])
        self.eids = [row["eid"] for row in things]
        self.keeper = ArenaKeeper(self.store, city.arenas)
        self.keeper.start()
        assert self.keeper.wait(30)
        self.arenas, self.stored = ArenaReader(city.arenas), StoredReader(self.store)
        self.seen = []

    @rule(things=st.lists(made(), max_size=4), data=st.data())
    def edit(self, things, data):
        old = (
            data.draw(st.lists(st.sampled_from(self.eids), max_size=3, unique=True))
            if self.eids
            else []
        )
        ended, replaced = old[:1], old[1:]
        for row, eid in zip(things, replaced, strict=False):
            row["eid"] = eid
        write(self.store, things, [("buildings", eid) for eid in ended])
        self.eids = sorted({*self.eids, *(row["eid"] for row in things)} - set(ended))

    @rule(ask=ASK)
    def question(self, ask):
        found = self.arenas.page(ask)
        assert plain(found) == plain(self.stored.page(ask))
        self.seen.append(
            (
                found.version,
                ask,
                plain(
                    self.stored.page(
                        Ask(ask.collection, ask.box, ask.where, ask.sort, 99, 0, reach=ask.reach)
                    )
                ),
            )
        )

    @rule(reach=REACH, data=st.data())
    @precondition(lambda self: self.eids)
    def thing(self, reach, data):
        eid = data.draw(st.sampled_from(self.eids))
        found = self.arenas.one("buildings", eid, reach)
        assert (None if found is None else bytes(found)) == self.stored.one("buildings", eid, reach)

    @rule(ask=ASK)
    def columns(self, ask):
        ours, theirs = (
            pa.Table.from_batches(list(r.table(ask)), None) if list(r.table(ask)) else None
            for r in (self.arenas, self.stored)
        )
        assert (ours is None) == (theirs is None)
        assert ours is None or ours.equals(theirs)

    @rule()
    def another_segment(self):
        self.keeper.rebuild()
        assert self.keeper.wait(30)

    @rule(data=st.data())
    @precondition(lambda self: self.seen)
    def earlier_version(self, data):
        version, ask, then = data.draw(st.sampled_from(self.seen[-8:]))
        pages, start = [], 0
        while True:
            page = self.arenas.page(
                Ask(ask.collection, ask.box, ask.where, ask.sort, 3, start, version, ask.reach)
            )
            assert page.version == version
            assert page.matched == then[1]
            pages += [bytes(feature) for feature in page.features]
            start += 3
            if start >= page.matched:
                break
        assert pages == then[2]

    @invariant()
    def the_same_version(self):
        assert self.arenas.version("buildings") == self.stored.version("buildings")
        assert {n: f.kind for n, f in self.arenas.fields("buildings").items()} == {
            n: f.kind for n, f in self.stored.fields("buildings").items()
        }

    def teardown(self):
        self.keeper.close()
        self.store.close()


def test_arenas_and_base_agree_while_things_change(tmp_path):
    Town.folder = tmp_path
    case = Town.TestCase()
    case.settings = settings(
        max_examples=6,
        stateful_step_count=15,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
    )
    case.runTest()
