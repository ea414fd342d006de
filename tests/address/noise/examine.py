"""Draw noisy samples over an address tree and mark an index by them."""

import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import noise_habits  # noqa: F401  (registers its operators)
import noise_spelling
from noise_operators import OPERATORS
from noise_world import Sample, World

from address.model import Match

_THEN: dict[str, Callable[[str, random.Random], str]] = {
    "full_width": lambda text, _: noise_spelling.full_width(text),
    "traditional": lambda text, _: noise_spelling.traditional(text),
    "zero_width": noise_spelling.zero_width,
    "leading_blank": lambda text, _: "  " + text,
    "full_stop": lambda text, _: text + "。",
}
"""Changes of the finished text that may come on top of any operator."""


@dataclass
class Mark:
    """Counts of one operator."""

    number: int
    rows: int = 0
    right: int = 0
    wrong: list[tuple[Sample, Match]] | None = None


def draw(world: World, seed: int, each: int, double: float = 0.15) -> list[Sample]:
    """At most `each` samples of every operator, some with a second change on top."""
    out = []
    for name, number, levels, run in OPERATORS:
        rng = random.Random(f"{seed}-{name}")
        made = tries = 0
        while made < each and tries < each * 60:
            tries += 1
            draft = run(rng, world, world.draft(world.pick(rng, levels)))
            if draft is None:
                continue
            text = draft.text().replace("{n}", str(rng.randint(9001, 9999)))
            if rng.random() < double and number not in (41, 53):
                text = _THEN[rng.choice(sorted(_THEN))](text, rng)
            sample = world.sample(name, number, draft, text)
            if sample is not None:
                out.append(sample)
                made += 1
    return out


def is_right(sample: Sample, found: Match) -> bool:
    """Right status and right node."""
    if sample.status == "none":
        return found.status == "none"
    if sample.status == "partial":
        return found.status == "partial" and found.node_id in sample.ids
    return found.status == sample.status and found.node_id in sample.ids


def examine(match: Callable[[str], Match], samples: list[Sample]) -> dict[str, Mark]:
    """Marks by operator; wrong answers are kept."""
    marks: dict[str, Mark] = defaultdict(lambda: Mark(0, wrong=[]))
    for sample in samples:
        found = match(sample.text)
        mark = marks[sample.kind]
        mark.number = sample.number
        mark.rows += 1
        if is_right(sample, found):
            mark.right += 1
        elif mark.wrong is not None:
            mark.wrong.append((sample, found))
    return dict(marks)


def invented(marks: dict[str, Mark]) -> float:
    """Share of samples of places that do not exist that were answered as if they did."""
    absent = [
        m
        for name, m in marks.items()
        if name.startswith("no_such_") or name in ("nothing", "wrong_city")
    ]
    rows = sum(m.rows for m in absent)
    bad = sum(f.status in ("exact", "ambiguous") for m in absent for _, f in m.wrong or [])
    return bad / max(1, rows)
