"""What the options of `site new` say: uses of presets with their values, and the server they are on."""

from __future__ import annotations

import pytest

from app.cli.presets import server_of, uses_of
from app.foundation.errors import UserError
from app.settings.presets import Use, filled


@pytest.mark.spec("S5")
def test_values_go_to_every_preset_that_takes_them_or_to_the_one_that_is_named() -> None:
    uses = uses_of(
        ["laravel", "python-service=logger", "python-service=alarm"],
        ["root=/srv/x", "alarm.root=/srv/alarm", "db=none", "logger.unit="],
        "server",
    )
    assert uses == [
        Use("laravel", "laravel", "server", {"root": "/srv/x", "db": "none"}),
        Use("python-service", "logger", "server", {"root": "/srv/x", "unit": ""}),
        Use("python-service", "alarm", "server", {"root": "/srv/alarm"}),
    ]


@pytest.mark.spec("X3")
@pytest.mark.parametrize(
    ("chosen", "given", "code"),
    [
        (["larvel"], [], "usage.preset-unknown"),
        (["laravel"], ["colour=blue"], "usage.preset-value"),
        (["laravel"], ["root"], "usage.preset-value"),
        (["laravel"], ["mosquitto.root=/x"], "usage.preset-value"),
        (["laravel=теплица"], [], "usage.preset-label"),
        ([], ["root=/x"], "usage.preset-value"),
    ],
)
def test_options_that_fit_nothing_are_wrong_usage(chosen: list[str], given: list[str], code: str) -> None:
    with pytest.raises(UserError) as refused:
        list(map(filled, uses_of(chosen, given, "server")))
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("10.0.0.5", ("10.0.0.5", "", 22)),
        ("ops@north.example.org:2222", ("north.example.org", "ops", 2222)),
        ("ops@[fd00::5]:2222", ("fd00::5", "ops", 2222)),
    ],
)
def test_a_server_is_its_address_with_user_and_port(said: str, expected: tuple[str, str, int]) -> None:
    host = server_of(said)
    assert (host.address, host.user, host.port) == expected


@pytest.mark.spec("X3", "S4")
@pytest.mark.parametrize("said", ["ops:secret@host", "host:many", "host:99999", "ops@", "[::1", "host/folder"])
def test_what_is_no_server_is_told_without_repeating_a_password(said: str) -> None:
    with pytest.raises(UserError) as refused:
        server_of(said)
    assert refused.value.code == "usage.server"
    assert "secret" not in str(refused.value.problem)
