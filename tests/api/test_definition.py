"""Every operation answers as its OpenAPI definition says, whatever it is sent (Schemathesis)."""

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from api.app import create_app
from twin.settings import ServerSettings

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def described(tmp_path_factory, make_city, serve):
    city = make_city(tmp_path_factory.mktemp("described") / "city")
    with serve(create_app(ServerSettings(city=city.path))) as root:
        yield (
            schemathesis.openapi.from_url(f"{root}/api")
            .exclude(path="/live")
            .exclude(path="/scene/{layer}/events")
        )


def test_every_operation_answers_as_it_is_described(described):
    asked = 0

    def check(operation) -> None:
        @settings(
            max_examples=8,
            derandomize=True,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def answers(case):
            nonlocal asked
            asked += 1
            case.call_and_validate(checks=CHECKS, timeout=20)

        answers()

    for found in described.get_all_operations():
        check(found.ok())
    assert asked > 250
