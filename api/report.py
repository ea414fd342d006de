"""What a load did, layer by layer, as plain values."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from twin.ingest import Balance, Reload

__all__ = ["LayerResult", "LoadReport"]


@dataclass(frozen=True, slots=True)
class LayerResult:
    """One layer: its balance, or why it was not loaded.

    ``status`` is ``loaded``, ``refused`` (a person has to decide; ``reason`` says what to add to
    the plan), ``failed`` (cannot be
    read) or ``skipped`` (the plan says so). ``crs_candidates`` are the systems that came into
    question (``crs``, ``why``, ``confidence``), best first.
    """

    path: str
    layer: str
    kind: str
    status: Literal["loaded", "refused", "failed", "skipped"]
    reason: str | None = None
    class_code: str | None = None
    crs: str | None = None
    crs_why: str | None = None
    crs_confidence: float | None = None
    crs_candidates: Sequence[dict[str, Any]] = ()
    balance: Balance = field(default_factory=Balance)
    reload: Reload | None = None
    findings: Sequence[str] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class LoadReport:
    """A whole load: all layers, what was bound and anchored, how long each stage took (seconds)."""

    layers: Sequence[LayerResult]
    bound: dict[str, int]
    anchors: dict[str, int]
    timings: dict[str, float]
    dry_run: bool = False

    @property
    def total(self) -> Balance:
        """All balances together."""
        out = Balance()
        for layer in self.layers:
            out = out.plus(**layer.balance.as_dict())
        return out

    @property
    def changed(self) -> bool:
        """Whether the base is another one than before."""
        return self.total.loaded + self.total.merged > 0

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON document."""
        return {
            "dry_run": self.dry_run,
            "layers": [asdict(layer) for layer in self.layers],
            "total": self.total.as_dict(),
            "bound": self.bound,
            "anchors": self.anchors,
            "timings": {k: round(v, 3) for k, v in self.timings.items()},
        }
