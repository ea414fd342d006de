"""Cases (案件): what was reported, who does what about it, step by step from 上报 to 结案.

``register.py`` loads the cases of a table.
"""

from twin.cases.register import register_cases

__all__ = ["register_cases"]
