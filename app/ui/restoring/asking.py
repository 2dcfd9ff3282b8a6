"""What the wizard asks of the engine, and what it has it start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the window is painted before the rooms behind are loaded
    from app.assembly import Overwinter
    from app.foundation.events import Phase
    from app.jobs.plan import Plan
    from app.jobs.restore.choice import RestoreChoice
    from app.jobs.restore.contents import Contents
    from app.jobs.restore.remaining import Forecast
    from app.jobs.restore.setting import RestoreState
    from app.records.run import Run
    from app.runs.runner import Launched


class Restore:
    """One restore, or the look at one: begun in the engine, its state read here when its run has ended."""

    def __init__(self, site: str, choice: RestoreChoice, typed: str = "") -> None:
        self._site = site
        self._choice = choice
        self._typed = typed
        self._plan: Plan[RestoreState] | None = None
        self.forecast: Forecast | None = None
        self.joined = False

    async def begin(self, app: Overwinter) -> Launched:
        """Launches it."""
        self._plan = await app.plan_restore(self._site, self._choice, self._typed)
        self.forecast = await _forecast(app, self._site, self._plan)
        launched = await app.runner.launch(self._plan)
        self.joined = launched.joined
        return launched

    @property
    def phases(self) -> list[Phase]:
        """The phase of each of its steps."""
        return [] if self._plan is None else [step.phase for step in self._plan.steps]

    @property
    def state(self) -> RestoreState | None:
        """What its steps found out, once its run has ended; None where another program did it."""
        return None if self._plan is None or self.joined else self._plan.state


async def _forecast(app: Overwinter, site: str, plan: Plan[Any]) -> Forecast:
    from app.jobs.restore.remaining import forecast_of  # noqa: PLC0415  the engine's thread loads it

    return await forecast_of(app.records(site), plan)


async def expected(app: Overwinter, site: str, choice: RestoreChoice, typed: str) -> Forecast:
    """How long that restore would take."""
    return await _forecast(app, site, await app.plan_restore(site, choice, typed))


def phrase(site: str, contents: Contents, scopes: tuple[str, ...]) -> str:
    """What has to be typed before a swap."""
    from app.jobs.swap.chosen import phrase_of  # noqa: PLC0415  loaded by the engine long before

    return phrase_of(site, contents, scopes)


async def prepared(app: Overwinter, site: str, run: str) -> tuple[RestoreChoice, Contents]:
    """What that run was asked to prepare, and what its point holds."""
    import msgspec  # noqa: PLC0415  the engine's thread loads it

    from app.jobs.restore.choice import RestoreChoice  # noqa: PLC0415  likewise
    from app.jobs.restore.contents import read_contents  # noqa: PLC0415  likewise

    choice = msgspec.json.decode((await app.records(site).run(run)).choice, type=RestoreChoice)
    return choice, await read_contents(await app.repository(site), choice.point)


async def undo(app: Overwinter, run: Run, typed: str) -> Launched:
    """Puts back what a restore has put aside."""
    return await app.undo(run.site, run.id, typed)
