"""What a reader should know of an answer to an address, in sentences."""

from typing import Literal

from address.model import Fault, Match

__all__ = ["notes_of"]


def notes_of(match: Match, language: Literal["zh", "en"] = "zh") -> list[str]:
    """The faults as sentences; a missing level that no fault tells has one of its own.

    Parameters
    ----------
    match : Match
    language : {"zh", "en"}
    """
    notes = [fault.say(language) for fault in match.faults]
    if match.missing and not any(fault.code.endswith(".missing") for fault in match.faults):
        given = next((e.text for e in match.elements if e.level == match.missing), "")
        code = f"{match.missing.upper()}.missing"
        notes.append(Fault(code, match.missing, given, match.full or "", 0.0).say(language))
    return notes
