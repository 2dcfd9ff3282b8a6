"""A battery that is low: no computer of the tests has one, so what the system says of it is made up here alone."""

from __future__ import annotations

from types import SimpleNamespace

import psutil
import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import Refused
from app.jobs.swap.power import LEAST, expect_power
from tests.running import run

pytestmark = pytest.mark.spec("R4")


def ask(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    monkeypatch.setattr(psutil, "sensors_battery", lambda: found, raising=False)

    async def story() -> None:
        blocking = Blocking()
        try:
            await expect_power(blocking)
        finally:
            blocking.close()

    run(story())


def test_a_low_battery_without_mains_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Refused) as refused:
        ask(monkeypatch, SimpleNamespace(percent=LEAST - 0.5, power_plugged=False))
    assert refused.value.code == "restore.battery-low"
    assert "24 %" in str(refused.value.problem.what)


@pytest.mark.parametrize(
    "found",
    [
        None,
        SimpleNamespace(percent=5, power_plugged=True),
        SimpleNamespace(percent=5, power_plugged=None),
        SimpleNamespace(percent=LEAST, power_plugged=False),
    ],
)
def test_mains_a_full_battery_or_none_at_all_are_fine(monkeypatch: pytest.MonkeyPatch, found: object) -> None:
    ask(monkeypatch, found)
