"""Which disk a repository is on, and what is said when it is not here; the system's list of volumes is a fake one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from app.foundation.blocking import Blocking
from app.foundation.errors import UserError
from app.jobs import disks
from app.jobs.disks import Disk, Disks, SiteDisk
from app.settings.model import Repository, Site
from app.settings.sites import Sites
from app.store.engine import open_database
from app.tools.volumes import Volume, label_of, mounted, volume_of
from tests.running import run

pytestmark = pytest.mark.spec("P1")

ROOT = Volume("/", "/dev/vda1")


class Stick:
    """A disk that somebody plugs in and pulls out; its folder is all that is real of it."""

    def __init__(self, folder: Path) -> None:
        self.mount = folder / "stick"
        self.repository = self.mount / "north"
        self._aside = folder / "in the pocket"
        self._aside.mkdir()
        (self._aside / "north").mkdir()
        (self._aside / "north" / "config").write_text("restic's")
        self.volumes = {ROOT}

    def plug_in(self) -> None:
        """The disk is mounted."""
        self._aside.rename(self.mount)
        self.volumes = {ROOT, Volume(str(self.mount), "/dev/sdb1")}

    def pull_out(self) -> None:
        """An empty folder is left where it was, as some systems do."""
        self.mount.rename(self._aside)
        self.volumes = {ROOT}

    def mounted(self) -> frozenset[Volume]:
        """As the system lists it."""
        return frozenset(self.volumes)


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    """The disk, in somebody's pocket."""
    return Stick(tmp_path)


@pytest.fixture
def blocking() -> Iterator[Blocking]:
    """What files are looked at by."""
    made = Blocking()
    yield made
    made.close()


def site_on(stick: Stick) -> Site:
    """A site whose backups go there."""
    return Site(name="north-house", title="North", repository=Repository(url=str(stick.repository)))


class Here:
    """The disks of one computer, and its only site."""

    def __init__(self, folder: Path, blocking: Blocking, stick: Stick) -> None:
        self._database = folder / "overwinter.db"
        self._file = folder / "cache" / "disks.json"
        self._blocking = blocking
        self._stick = stick

    async def __aenter__(self) -> Disks:
        self._open = await open_database(self._database, self._blocking)
        sites = Sites(self._open)
        if await sites.find("north-house") is None:
            await sites.add(site_on(self._stick))
        mounted = self._stick.mounted
        return Disks(self._file, sites, self._blocking, mounted=mounted, label_of=lambda _: "NORTH-A")

    async def __aexit__(self, *_: object) -> None:
        await self._open.close()


def test_a_disk_that_was_seen_is_asked_for_by_its_name(tmp_path: Path, blocking: Blocking, stick: Stick) -> None:
    async def story() -> None:
        async with Here(tmp_path, blocking, stick) as here:
            await here.expect(site_on(stick))  # never seen, and nobody knows where it would be mounted
            stick.plug_in()
            await here.expect(site_on(stick))
        stick.pull_out()
        async with Here(tmp_path, blocking, stick) as here:  # after another start
            with pytest.raises(UserError) as caught:
                await here.expect(site_on(stick))
            assert caught.value.problem.code == "repository.disk-away"
            assert str(caught.value.problem.next) == "Plug in NORTH-A."
            stick.mount.mkdir()  # what a pulled disk leaves on some systems
            with pytest.raises(UserError):
                await here.expect(site_on(stick))
            stick.mount.rmdir()
            stick.plug_in()
            await here.expect(site_on(stick))

    run(story())


def test_a_repository_that_is_gone_from_its_disk_is_no_matter_of_plugging_in(
    tmp_path: Path, blocking: Blocking, stick: Stick
) -> None:
    async def story() -> None:
        async with Here(tmp_path, blocking, stick) as here:
            stick.plug_in()
            await here.expect(site_on(stick))
            (stick.repository / "config").unlink()
            await here.expect(site_on(stick))
            assert await here.states() == []

    run(story())


def test_a_repository_that_was_copied_here_is_here(tmp_path: Path, blocking: Blocking, stick: Stick) -> None:
    async def story() -> None:
        async with Here(tmp_path, blocking, stick) as here:
            stick.plug_in()
            await here.expect(site_on(stick))
            stick.volumes = {ROOT}  # the same folder, on the computer's own disk now
            await here.expect(site_on(stick))
            assert await here.states() == []

    run(story())


def test_each_disk_that_comes_or_goes_is_told_once(
    tmp_path: Path, blocking: Blocking, stick: Stick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disks, "LOOKS_EVERY", 0.01)

    async def story() -> None:
        async with Here(tmp_path, blocking, stick) as here, aclosing(here.changes()) as told:
            assert await anext(told) == []
            stick.plug_in()
            await here.expect(site_on(stick))
            assert await anext(told) == [SiteDisk("north-house", "North", "NORTH-A", here=True)]
            stick.volumes = {*stick.volumes, Volume("/elsewhere", "/dev/sdc1")}  # none of ours
            stick.pull_out()
            assert await anext(told) == [SiteDisk("north-house", "North", "NORTH-A", here=False)]
            stick.plug_in()
            assert (await anext(told))[0].here

    run(story())


@pytest.mark.parametrize(
    ("folder", "disk"),
    [
        ("/media/eva/NORTH-A/backups/north", Disk("NORTH-A", "/media/eva/NORTH-A")),
        ("/run/media/eva/Zimní disk/north", Disk("Zimní disk", "/run/media/eva/Zimní disk")),
        ("/Volumes/NORTH-A/north", Disk("NORTH-A", "/Volumes/NORTH-A")),
        ("/srv/backups/north", None),
        ("/media/eva", None),
    ],
)
def test_a_disk_that_was_never_here_is_known_by_where_desktops_would_mount_it(folder: str, disk: Disk | None) -> None:
    assert disks._by_its_path(folder) == disk


def test_a_damaged_note_is_made_anew(tmp_path: Path, blocking: Blocking, stick: Stick) -> None:
    note = tmp_path / "cache" / "disks.json"

    async def story() -> None:
        async with Here(tmp_path, blocking, stick) as here:
            stick.plug_in()
            await here.expect(site_on(stick))
            assert "NORTH-A" in note.read_text()

    note.parent.mkdir()
    note.write_bytes(b'{"\xff": 1}')
    run(story())


# --- the system's own list -------------------------------------------------------------------------------------------


def test_the_volume_of_a_path_is_the_nearest_one() -> None:
    stick, inside = Volume("/media/eva/NORTH-A", "/dev/sdb1"), Volume("/media/eva/NORTH-A/inner", "/dev/sdc1")
    volumes = [ROOT, inside, stick]
    assert volume_of("/media/eva/NORTH-A/north", volumes) == stick
    assert volume_of("/media/eva/NORTH-A/inner/north", volumes) == inside
    assert volume_of("/media/eva/NORTH-AB/north", volumes) == ROOT
    assert volume_of("/x", []) is None


def test_this_computer_lists_what_is_mounted_and_every_volume_has_a_name() -> None:
    listed = mounted()
    assert volume_of(str(Path.cwd()), listed) is not None
    assert all(label_of(volume) for volume in listed)
