"""What must be so before a tree is swapped: the same list for a dry run, for the wizard and for the run itself.

None of it changes anything on the site.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

import msgspec

from app.foundation.errors import Problem, Refused
from app.foundation.events import Warned
from app.foundation.words import plural, text
from app.hosts.host import Command, Host
from app.jobs.cutover.shelf import found_on_hosts, spots_of, unfinished
from app.jobs.manifest import SourceEntry
from app.jobs.plan import Ctx
from app.jobs.restore.checks import UNCHANGED, Check, Unchecked, expect_room
from app.jobs.restore.folder import owners_lost
from app.jobs.restore.ownership import expect_owners
from app.jobs.sources.sqlite_swapping import databases_in
from app.jobs.swap.around import missing_program
from app.jobs.swap.identity import Identity
from app.jobs.swap.mounts import at_or_below, is_in, mounts_of, mounts_of_all, shown_elsewhere
from app.jobs.swap.patterns import is_meant, under
from app.jobs.swap.place import WINDOWS, Place, place_of
from app.jobs.swap.power import expect_power
from app.jobs.swap.setting import Part, SwapSetting, SwapState
from app.jobs.swap.software import tell_software
from app.jobs.swap.users import users_of
from app.settings.addresses import parsed
from app.settings.model import THIS_COMPUTER, CommandWhen

LINUX = "linux"
RUNTIMES = ("/run/docker.sock", "/run/containerd/containerd.sock", "/run/podman", "/run/crio", "/run/lxc")
"""Where programs that run containers are found."""


PlaceCheck = Callable[[Place, Ctx], Awaitable[None]]


class Preflight(msgspec.Struct, frozen=True):
    """The checks of the trees of one swap. `state.places` is filled by the first of each."""

    setting: SwapSetting
    state: SwapState

    def checks(self) -> list[Check]:
        """In the order in which they are told; of a tree whose place is not known the others have nothing to say."""
        base = self.setting.base
        identity = Identity(base.contents, base.entries, base.site, self.setting.swap.onto_other)
        of_all = [
            Check("unfinished", self._expect_no_other),
            Check("identity", identity.check),
            Check("space", self._expect_room),
            Check("battery", self._expect_power),
            Check("commands", self._expect_commands),
            Check("software", partial(tell_software, self.setting, self.state)),
        ]
        of_trees = [check for tree in self.setting.trees for check in self._of(tree)]
        return [*of_trees, *of_all]

    async def _expect_power(self, _ctx: Ctx) -> None:
        await expect_power(self.setting.equipment.blocking)

    async def _expect_no_other(self, ctx: Ctx) -> None:
        """One that another computer has left unfinished is known here by what stands beside its target alone."""
        parts = (*self.setting.trees, *self.setting.databases)
        hosts = [part.source.host for part in parts]
        other = await found_on_hosts(await spots_of(self.setting.site, hosts, ctx.host), ctx.host)
        if other is not None:
            raise unfinished(other)

    def _of(self, tree: Part) -> list[Check]:
        return [
            Check("point", partial(_expect_whole, tree.entry)),
            Check("root", partial(self._find_place, tree)),
            Check("apart", self._placed(tree, self._expect_apart)),
            Check("database-inside", self._placed(tree, partial(self._expect_no_database, tree))),
            Check("mount", self._placed(tree, self._expect_movable)),
            Check("containers", self._placed(tree, self._expect_no_container)),
            Check("writable", self._placed(tree, self._expect_writable)),
            Check("ownership", self._placed(tree, partial(self._expect_ownership, tree))),
            Check("owners", partial(expect_owners, self.setting.base, tree.entry, tree.source.host, self.state)),
            Check("users", self._placed(tree, _tell_users)),
        ]

    def _placed(self, tree: Part, check: PlaceCheck) -> Callable[[Ctx], Awaitable[None]]:
        async def run(ctx: Ctx) -> None:
            place = self.state.places.get(tree.source.name)
            if place is not None:
                await check(place, ctx)

        return run

    async def _find_place(self, tree: Part, ctx: Ctx) -> None:
        place = await place_of(ctx.host(tree.source.host), tree.source)
        self.state.places[tree.source.name] = place

    async def _expect_apart(self, place: Place, _ctx: Ctx) -> None:
        """No tree in another one that is swapped too, and nothing of ours in any: it would go away with the old one."""
        others = [one for one in self.state.places.values() if one.host == place.host and one != place]
        holding = next((one for one in others if is_in(place.root, one.root)), None)
        if holding is not None:
            raise _nested(place, holding)
        if place.host == THIS_COMPUTER:
            address = parsed(self.setting.site.repository.address)
            ours = [self.setting.shelf.folder, *([address.path] if address.scheme == "local" else [])]
            inside = next((path for path in ours if is_in(path, place.root)), "")
            if inside:
                raise _ours_inside(place, inside)

    async def _expect_no_database(self, tree: Part, place: Place, ctx: Ctx) -> None:
        """A live database would be taken away from whoever has it open; what no backup of the tree takes stays."""
        source = tree.source
        for path in databases_in(self.setting.site, source, (place.asked, place.root)):
            stays = is_meant(path, source.exclude, hidden=True) or is_meant(path, source.keep_live)
            is_elsewhere = bool(source.include) and not is_meant(path, source.include)
            if not (stays or is_elsewhere) and await ctx.host(place.host).stat(under(place.root, path)) is not None:
                raise _database_inside(place, under(place.root, path))

    async def _expect_movable(self, place: Place, ctx: Ctx) -> None:
        host = ctx.host(place.host)
        above = await host.stat(place.parent)
        mounted = at_or_below(await mounts_of(host, place.system), place.root) if place.system != WINDOWS else []
        below = [point for point in mounted if point != place.root]
        if below:
            raise _mounted_below(place, below)
        if mounted or (place.found is not None and above is not None and above.device != place.found.device):
            self._go_down(place, _mounted(place))

    async def _expect_no_container(self, place: Place, ctx: Ctx) -> None:
        if place.system != LINUX or place.found is None:
            return
        host = ctx.host(place.host)
        everywhere, all_seen = await mounts_of_all(host)
        elsewhere = shown_elsewhere(await mounts_of(host, place.system), everywhere, place.root)
        parts = [mount for mount in elsewhere if not mount.is_whole]
        if parts:
            raise _shown_elsewhere(place, [mount.point for mount in parts])
        if elsewhere:
            self._go_down(place, _shown_elsewhere(place, [mount.point for mount in elsewhere]))
        elif not all_seen and not place.down and await _runs_containers(host):
            raise _containers_unknown(place)

    async def _expect_writable(self, place: Place, ctx: Ctx) -> None:
        """The folder above gets the new names; and only who may write in a folder may move it to another."""
        if place.system == WINDOWS:
            return  # made known by the stage folder, which is made before anything is changed
        host = ctx.host(place.host)
        if place.found is not None and not await _may_write(host, place.root):
            raise _not_writable(place.root, place)
        if not place.down and not await _may_write(host, place.parent):
            self._go_down(place, _not_writable(place.parent, place))

    def _go_down(self, place: Place, why: Refused) -> None:
        """What cannot be moved can be swapped one level down, not in one step: while the site is stopped, and when a
        person says so.
        """
        stops = [command for command in self.setting.site.commands if command.when is CommandWhen.STOP]
        if place.found is None or place.system == WINDOWS or not stops:
            raise why
        self.state.places[place.source] = msgspec.structs.replace(place, down=True)
        raise _one_level_down(place, why.problem)

    async def _expect_room(self, ctx: Ctx) -> None:
        """Of each file system: what is to stand there, all its trees together."""
        expected: dict[tuple[str, int], int] = {}
        where: dict[tuple[str, int], str] = {}
        for name, place in self.state.places.items():
            above = await ctx.host(place.host).stat(place.room)
            disk = (place.host, above.device if above is not None else 0)
            expected[disk] = expected.get(disk, 0) + self.state.expected[name].bytes
            where.setdefault(disk, place.room)
        for disk, size in expected.items():
            await expect_room(ctx.host(disk[0]), where[disk], size, text("the list of the point"))

    async def _expect_ownership(self, tree: Part, place: Place, ctx: Ctx) -> None:
        """As in a folder: only root may give files away."""
        host, name = ctx.host(place.host), tree.source.name
        user = await host.stat(await ctx.scratch(place.host))
        if user is None or user.uid == 0 or not set(self.state.expected[name].owners) - {(user.uid, user.gid)}:
            return
        self.state.readings[name] = msgspec.structs.replace(self.state.readings[name], owners=False)
        raise owners_lost(tree.entry, host)

    async def _expect_commands(self, ctx: Ctx) -> None:
        gone = [path for one in self.state.places.values() if one.found is None for path in (one.asked, one.root)]
        for command in self.setting.site.commands:
            lacking = await missing_program(ctx, command, gone)
            if lacking is None:
                continue
            if not command.optional:
                raise Refused(lacking.what, lacking.means, lacking.next, lacking.code)
            ctx.emit(Warned(warning=lacking))


async def _expect_whole(entry: SourceEntry, _ctx: Ctx) -> None:
    """What the backup could not read is not in the point, and would be gone from the site."""
    if entry.missing_count:
        raise _lacking(entry)


async def _runs_containers(host: Host) -> bool:
    return any([await host.stat(path) is not None for path in RUNTIMES])


async def _may_write(host: Host, path: str) -> bool:
    return (await host.run(Command("test", ("-w", path)))).code == 0


async def _tell_users(place: Place, ctx: Ctx) -> None:
    """They keep the old tree: no reason not to swap it, and good to know."""
    if place.system == LINUX and place.found is not None:
        users = await users_of(ctx.host(place.host), place.root)
        if users:
            ctx.emit(Warned(warning=_in_use(place, users)))


def _one_level_down(place: Place, why: Problem) -> Unchecked:
    return Unchecked(
        why.what,
        text(
            "Nothing was changed. {root} cannot be exchanged as a whole. What is in it can be, one after the other,"
            " while the site's commands have stopped it; its own times stay.",
            root=place.root,
        ),
        why.next,
        why.code,
        why.detail,
    )


def _lacking(entry: SourceEntry) -> Unchecked:
    return Unchecked(
        plural(
            "{count} file of {source} could not be read at the backup.",
            "{count} files of {source} could not be read at the backup.",
            entry.missing_count,
            source=entry.source,
        ),
        text("Nothing was changed. They are not in the point, so after the restore the site would lack them."),
        text("Look for a point that has them; they stay in the old tree for a while."),
        "restore.point-lacks-files",
        "\n".join(entry.missing),
    )


def _nested(place: Place, holding: Place) -> Refused:
    return Refused(
        text("{root} is inside {other}, which is to be swapped too.", root=place.root, other=holding.root),
        UNCHANGED,
        text("Restore one after the other: --scope source:NAME"),
        "restore.nested",
    )


def _database_inside(place: Place, path: str) -> Refused:
    return Refused(
        text("The database {path} is in {root}, and cannot be exchanged with it.", path=path, root=place.root),
        text("Nothing was changed: programs would go on with the one of the old tree."),
        text("Leave it out of that tree's backups (exclude), best with its folder; or restore in place: --mode sync"),
        "restore.database-inside",
    )


def _ours_inside(place: Place, inside: str) -> Refused:
    return Refused(
        text("{path} is inside {root}.", path=inside, root=place.root),
        text("Nothing was changed: Overwinter's own files would go away with the old tree."),
        text("Keep the repository and Overwinter's data outside of what is restored."),
        "restore.ours-inside",
    )


def _mounted(place: Place) -> Refused:
    return Refused(
        text("{root} on {host} is a file system of its own (a mount point).", root=place.root, host=place.host),
        text("Nothing was changed: what is mounted cannot be swapped by a rename."),
        text("Restore to a folder on it (--mode folder:DIR), stop the site and move what is in it by hand."),
        "restore.root-mounted",
    )


def _mounted_below(place: Place, mounted: list[str]) -> Refused:
    return Refused(
        text("Something is mounted in {root} on {host}: {mount}", root=place.root, host=place.host, mount=mounted[0]),
        text("Nothing was changed: what is mounted would go away with the old tree."),
        text("Unmount it or stop the container that uses it, then restore again."),
        "restore.mounted-below",
        "\n".join(mounted),
    )


def _shown_elsewhere(place: Place, elsewhere: list[str]) -> Refused:
    return Refused(
        text("{root} on {host}, or a part of it, is also mounted elsewhere: {mount}", root=place.root,
             host=place.host, mount=elsewhere[0]),
        text("Nothing was changed: a container that has it by a bind mount would go on with the old tree."),
        text("Stop and remove that container (docker compose down), restore, and start it again."),
        "restore.bind-mounted",
        "\n".join(elsewhere),
    )  # fmt: skip


def _containers_unknown(place: Place) -> Unchecked:
    return Unchecked(
        text("Whether a container on {host} has {root} mounted cannot be told by this account.", host=place.host,
             root=place.root),
        text("Nothing was changed. A container that has it would go on with the old tree until it is made anew."),
        text("Look yourself (docker inspect), or restore as root."),
        "restore.containers-unknown",
    )  # fmt: skip


def _not_writable(path: str, place: Place) -> Refused:
    return Refused(
        text("This account may not write in {path} on {host}.", path=path, host=place.host),
        UNCHANGED,
        text("Restore as root, or as the account that {path} belongs to.", path=path),
        "restore.not-writable",
    )


def _in_use(place: Place, users: list[str]) -> Problem:
    return Problem(
        text("Programs work in {root}: {users}", root=place.root, users=", ".join(users)),
        text("They keep the old tree, and write into it, until they are restarted."),
        text("Have the site's commands stop and start them (when = stop and start)."),
        "restore.root-in-use",
    )
