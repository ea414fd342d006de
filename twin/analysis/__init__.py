"""Analyses in space over the city as it is now, each one module.

``bodies`` ``scene``
    the city as solids in memory, kept up to date from the log of changes;
``model``
    what an analysis is: inputs with a schema, a function, what stands at the head of its answer;
``registry``
    the table of analyses;
``nearest`` ``within`` ``trace`` ``sight`` ``viewshed`` ``section`` ``statistics`` ``join`` ``backtest``
    the analyses; ``facades`` and ``areas`` belong to some of them;
``reach``
    what an alarm can reach, put together from ``within`` and ``trace``.

Answers are plain JSON, the same for the same inputs and state of the base.
"""

from twin.analysis.model import Analysis, Inputs, Study, job_id, read_inputs
from twin.analysis.registry import ANALYSES, analysis, run
from twin.analysis.scene import Scene, SceneBook

__all__ = [
    "ANALYSES", "Analysis", "Inputs", "Scene", "SceneBook", "Study", "analysis", "job_id", "read_inputs", "run",
]  # fmt: skip
