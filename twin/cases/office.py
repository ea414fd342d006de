"""The case office: the desk, and what hangs on cases beside their steps."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from twin.cases.counting import Group, groups_of
from twin.cases.desk import CaseDesk
from twin.cases.duplicates import duplicates
from twin.cases.listing import Asked
from twin.cases.photos import photos_of, read_photo
from twin.cases.units import replace_units, units
from twin.durable import write_once
from twin.errors import InvalidRequestError
from twin.live.register import naive_utc
from twin.store import run

__all__ = ["CaseOffice"]


class CaseOffice(CaseDesk):
    """A desk that also counts, finds duplicates, keeps photos and the table of units; safe to use from any thread."""

    def duplicates(self, case_id: str, metres: float, hours: float) -> list[dict[str, Any]]:
        """Cases that may tell of the same as one, likeliest first (:func:`twin.cases.duplicates.duplicates`).

        Raises
        ------
        NotFoundError
            If there is no such case.
        """
        with self._store.snapshot() as cursor:
            return duplicates(cursor, self._bare(cursor, case_id), metres, hours)

    def counts(self, asked: Asked, by: str, overdue: bool | None = None) -> dict[Group, int]:
        """How many cases there are of each area, type and stage (:mod:`twin.cases.counting`), as :meth:`listed` takes them."""
        with self._store.snapshot() as cursor:
            return groups_of(cursor, self._among(cursor, asked, overdue), by)

    def area_names(self, codes: Iterable[str]) -> dict[str, str]:
        """Names of 街道, 社区 and 单元网格 by code."""
        with self._store.cursor() as cursor:
            found = run(cursor, "area_names", "twin.cases", codes=list(codes)).fetchall()
        return dict(found)

    def units(self) -> list[dict[str, str]]:
        """The table of responsible units (:mod:`twin.cases.units`)."""
        with self._store.cursor() as cursor:
            return units(cursor)

    def replace_units(self, rules: Sequence[Mapping[str, str]]) -> None:
        """Write the table of responsible units anew; cases that have a unit keep it."""
        with self._store.transaction() as con:
            replace_units(con, rules)

    def photograph(self, case_id: str, content: bytes, actor: str) -> dict[str, Any]:
        """Add a photo to a case (:mod:`twin.cases.photos`); the same bytes again change nothing.

        Returns
        -------
        dict
            The photo: fields of :class:`twin.cases.photos.Photo`, ``actor`` and ``at_time``.

        Raises
        ------
        NotFoundError
            If there is no such case.
        InvalidRequestError
            If it is no picture.
        """
        if not actor.strip():
            raise InvalidRequestError("a photo needs to say who took it", "actor")
        with self._store.snapshot() as cursor:
            case = self._bare(cursor, case_id)
        photo = read_photo(content, case["lon"], case["lat"])
        write_once(self._store.assets / photo.asset, content)
        now = naive_utc(self._clock())
        with self._store.transaction() as con:
            known = [row for row in photos_of(con, case["id"]) if row["sha256"] == photo.sha256]
            if known:
                return known[0]
            stage = self._bare(con, case["id"])["stage"]
            row = {**photo.row(), "case_id": case["id"], "actor": actor, "at_time": now}
            run(con, "photo", "twin.cases", **row)
            told = {name: row[name] for name in ("sha256", "verdict", "distance_m")}
            self._note(con, case["id"], now, "photo", (stage, stage), actor, None, None, told)
            return photos_of(con, case["id"])[-1]

    def photos(self, case_id: str) -> list[dict[str, Any]]:
        """Photos of a case, in the order they came.

        Raises
        ------
        NotFoundError
            If there is no such case.
        """
        with self._store.snapshot() as cursor:
            return photos_of(cursor, self._bare(cursor, case_id)["id"])
