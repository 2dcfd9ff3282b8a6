"""What is asked of a repository and its points: backed up, verified, kept, compared, checked, repaired."""

from __future__ import annotations

from functools import partial

from app.assembly.ground import Ground
from app.jobs.backup import BackupChoice, BackupState, plan_backup
from app.jobs.catalogue.comparing import Comparison, LiveComparison, points_compared
from app.jobs.check.job import CheckChoice, Checker, CheckState, plan_check
from app.jobs.check.repair import RepairChoice, RepairState, plan_data_repair, plan_point_repair
from app.jobs.new_password import PasswordState, plan_new_password
from app.jobs.plan import Plan
from app.jobs.points import Point, point_named
from app.jobs.retention.decision import Decision
from app.jobs.retention.deletion import plan_deletion
from app.jobs.retention.job import plan_retention, preview
from app.jobs.retention.keep import KeepChoice, KeepState, plan_keep
from app.jobs.retention.removal import RemovalState
from app.jobs.saving import SaveChoice, SaveState, plan_save
from app.jobs.unlock import Unlocked, unlock_stale
from app.jobs.verify.job import VerifyChoice, VerifyState, plan_verify
from app.records.run import new_run_id
from app.settings.model import REPOSITORY_PASSWORD


class PointQuestions(Ground):
    """Points and their repository; what works is a plan, which the runner launches."""

    async def points(self, site: str) -> list[Point]:
        """The recovery points of that site, newest first."""
        return [row.point for row in (await self.catalogue.refresh(site)).rows]

    async def plan_backup(self, site: str, choice: BackupChoice) -> Plan[BackupState]:
        """The plan of a backup of that site."""
        return plan_backup(await self.sites.get(site), choice, self._repositories, self._equipment)

    async def plan_verify(self, site: str, choice: VerifyChoice) -> Plan[VerifyState]:
        """The plan of a verification of a point of that site."""
        found = await self.sites.get(site)
        logs = self.places.verifications(found.name)
        return plan_verify(found, choice, self._repositories, self._equipment, logs=logs, cleaned=self.cleaned)

    async def preview_retention(self, site: str) -> Decision:
        """What retention would do with the site's points now."""
        return await preview(await self.repository(site), self.records(site))

    async def plan_retention(self, site: str) -> Plan[RemovalState]:
        """The plan of letting old points go."""
        return plan_retention(await self.sites.get(site), self._repositories)

    async def plan_keep(self, site: str, choice: KeepChoice) -> Plan[KeepState]:
        """The plan of keeping a point."""
        return plan_keep(await self.sites.get(site), choice, self._repositories)

    async def plan_deletion(self, site: str, point: str, confirmed: str) -> Plan[RemovalState]:
        """The plan of deleting a point, for which `confirmed` was typed."""
        return plan_deletion(await self.sites.get(site), point, confirmed, self._repositories)

    async def plan_save(self, site: str, choice: SaveChoice) -> Plan[SaveState]:
        """The plan of saving files and folders out of a snapshot."""
        return plan_save(await self.sites.get(site), choice, self._repositories)

    async def compare_points(self, site: str, before: str, after: str) -> Comparison:
        """What is different between two points."""
        return await points_compared(await self.repository(site), before, after)

    async def compare_with_live(self, site: str, point: str) -> Comparison:
        """What is different between a point and what is live now."""
        found = await self.sites.get(site)
        listed = await self.catalogue.known(site) or await self.catalogue.refresh(site)
        members = point_named((row.point for row in listed.rows), found, point).snapshots
        return await LiveComparison(self.catalogue, found, partial(self.host, site)).run(members)

    async def plan_check(self, site: str, choice: CheckChoice) -> Plan[CheckState]:
        """The plan of reading a share of the repository's data and checking it."""
        return plan_check(await self.sites.get(site), choice, self._repositories, self._blocking)

    async def plan_new_password(self, site: str, new: str) -> Plan[PasswordState]:
        """The plan of giving the site's repository another password, and storing it."""
        self._redactor.teach(new)

        async def store(password: str) -> None:
            await self.set_secret(site, REPOSITORY_PASSWORD, password)

        return plan_new_password(await self.sites.get(site), new, store, self._repositories)

    async def plan_data_repair(self, site: str, choice: RepairChoice, confirmed: str) -> Plan[RepairState]:
        """The plan of repairing what carries a repository's data, for which `confirmed` was typed."""
        return plan_data_repair(await self._checker(site), choice, confirmed)

    async def plan_point_repair(self, site: str, choice: RepairChoice, confirmed: str) -> Plan[RepairState]:
        """The plan of taking out of the points what is lost for good, for which `confirmed` was typed."""
        return plan_point_repair(await self._checker(site), choice, confirmed)

    async def _checker(self, site: str) -> Checker:
        return Checker(await self.sites.get(site), self._repositories, self._blocking, new_run_id())

    async def init_repository(self, site: str) -> str:
        """Makes the site's repository and gives its id."""
        made = await (await self.repository(site)).restic.init()
        await self.audit(site, "repository-made")
        return made

    async def unlock_repository(self, site: str) -> Unlocked:
        """Removes the repository's dead locks; says which were removed and which stay."""
        done = await unlock_stale(await self.repository(site))
        if done.removed:
            await self.audit(site, "repository-unlocked", removed=str(len(done.removed)))
        return done
