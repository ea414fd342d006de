"""Shapes of the answers of OGC API – Processes, as OpenAPI shows them."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from api.models import LinkModel

__all__ = ["JobListModel", "ProcessListModel", "ProcessModel", "ProcessSummaryModel", "StatusModel"]


class ProcessSummaryModel(BaseModel):
    """A process in short."""

    id: str
    version: str
    title: str
    description: str
    keywords: list[str]
    jobControlOptions: list[Literal["sync-execute", "async-execute", "dismiss"]]  # noqa: N815 -- the standard's name
    outputTransmission: list[Literal["value", "reference"]]  # noqa: N815 -- the standard's name
    links: list[LinkModel]


class InputModel(BaseModel):
    """An input of a process."""

    title: str
    description: str
    schema_: dict[str, Any] = Field(alias="schema")
    minOccurs: int  # noqa: N815 -- the standard's name
    maxOccurs: int  # noqa: N815 -- the standard's name


class OutputModel(BaseModel):
    """An output of a process."""

    title: str
    schema_: dict[str, Any] = Field(alias="schema")


class ProcessModel(ProcessSummaryModel):
    """A process with its inputs and outputs; ``example`` is a request that runs."""

    inputs: dict[str, InputModel]
    outputs: dict[str, OutputModel]
    example: dict[str, Any]


class ProcessListModel(BaseModel):
    """Processes."""

    processes: list[ProcessSummaryModel]
    links: list[LinkModel]


class StatusModel(BaseModel):
    """How a job stands."""

    jobID: str  # noqa: N815 -- the standard's name
    processID: str  # noqa: N815 -- the standard's name
    type: Literal["process"]
    status: Literal["accepted", "running", "successful", "failed", "dismissed"]
    progress: int = Field(ge=0, le=100, description="Percent.")
    created: str
    message: str | None = None
    started: str | None = None
    finished: str | None = None
    updated: str | None = None
    links: list[LinkModel]


class JobListModel(BaseModel):
    """Jobs."""

    jobs: list[StatusModel]
    links: list[LinkModel]
