"""What the checker found."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One broken rule.

    Parameters
    ----------
    path : str
        File, from the tiles folder.
    rule : str
        Short name of the rule, the same for the same kind of fault.
    message : str
        What was found and what was expected.
    """

    path: str
    rule: str
    message: str
