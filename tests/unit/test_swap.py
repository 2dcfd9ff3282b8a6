"""The parts of a swap that need no program: which names are meant, what is mounted where, the order of effects."""

from __future__ import annotations

import pytest

from app.hosts.host import FileKind
from app.jobs.effects.commands import RunCommand
from app.jobs.effects.paths import ExchangePaths, KeepLive, RenamePath
from app.jobs.effects.trading import TradePlaces
from app.jobs.restore.listing import Essence
from app.jobs.swap.around import Around, new_bypass
from app.jobs.swap.foreseen import Amount, Comparison
from app.jobs.swap.mounts import Mount, Shown, at_or_below, read_mounts, shown_elsewhere
from app.jobs.swap.order import effects_of
from app.jobs.swap.patterns import is_meant, matches, outermost
from app.jobs.swap.staged import LeftAlone, Pair, StagedTree
from app.settings.command import Command, CommandWhen
from app.settings.source import Source, SourceKind

RUN = "0123456789abcdef0123456789abcdef"


@pytest.mark.spec("R6")
def test_a_star_stands_for_one_name_and_hides_what_begins_with_a_dot() -> None:
    assert matches("data", "*")
    assert not matches(".gitignore", "*")
    assert matches(".gitignore", ".*")
    assert matches(".gitignore", "*", hidden=True)
    assert matches("a.php", "[ab].ph?")
    assert is_meant("storage/framework/views/x.php", ["storage/*/views/*.php"])
    assert is_meant("storage/logs/deep/er", ["./storage/logs/"])
    assert not is_meant("storage/log", ["storage/logs"])
    assert not is_meant("a/b/c", ["a/c", "*/c", ""])
    assert is_meant("a/b/c", ["**/c"])
    assert is_meant("c", ["**/c"])
    assert outermost(["a/b", "a", "ab", "a/b/c"]) == ["a", "ab"]


MOUNTS = r"""
24 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 24 8:2 / /srv rw - ext4 /dev/sda2 rw
31 24 0:40 / /var/www/a\040b/sub rw - tmpfs none rw
32 24 8:1 /var/www/site /mnt/site rw - ext4 /dev/sda1 rw
33 24 8:2 /www/site/storage /container/storage rw - ext4 /dev/sda2 rw
34 24 8:2 /www /container/www rw - ext4 /dev/sda2 rw
""".strip()


@pytest.mark.spec("R4")
def test_what_is_mounted_at_in_and_of_a_tree_is_found() -> None:
    mounts = read_mounts(MOUNTS)
    assert mounts[2] == Mount("/var/www/a b/sub", "0:40", "/")
    assert at_or_below(mounts, "/var/www/a b") == ["/var/www/a b/sub"]
    assert at_or_below(mounts, "/var/www/a") == []
    assert at_or_below(mounts, "/srv") == ["/srv"]
    assert shown_elsewhere(mounts, mounts, "/var/www/site") == [Shown("/mnt/site", is_whole=True)]
    part = [Shown("/container/storage", is_whole=False)]
    assert shown_elsewhere(mounts, mounts, "/srv/www/site") == part, "the parent's mount shows whatever is in it"
    assert shown_elsewhere(mounts, mounts, "/srv/www/other") == []
    assert shown_elsewhere([], mounts, "/srv") == []
    assert read_mounts("/dev/disk1 on /Volumes/a (b) (apfs, local)\nmap auto_home on /home (autofs)") == [
        Mount("/Volumes/a (b)"), Mount("/home"),
    ]  # fmt: skip


def command(
    when: CommandWhen, folder: str = "", run: tuple[str, ...] = ("php",), host: str = "this-computer"
) -> Command:
    return Command(name=when.value, host=host, folder=folder, when=when, run=run, undo=("undo", "{bypass}"))


def tree(*pairs: Pair, **fields: object) -> StagedTree:
    made = {"asked": "/var/www/laravel", "live": "/srv/laravel", "stage": "/srv/.stage", "tree": "/srv/.stage/laravel"}
    return StagedTree(
        **{  # type: ignore[arg-type]  # of each test's own
            "source": "laravel",
            "host": "this-computer",
            **made,
            "before": "",
            "pairs": pairs or (Pair("/srv/laravel", "/srv/.stage/laravel", 7, 8),),
            **fields,
        }
    )


@pytest.mark.spec("R6", "R9")
def test_commands_are_told_the_token_and_where_the_new_tree_stands() -> None:
    around = Around(
        (
            command(CommandWhen.MAINTENANCE_ON, "/var/www/laravel/public", ("down", "--secret={bypass}")),
            command(CommandWhen.MAINTENANCE_ON, run=("down", "{staged}/x")),
            command(CommandWhen.MAINTENANCE_ON, run=("nginx",)),
            command(CommandWhen.MAINTENANCE_ON, host="server", run=("down", "{staged}")),
            command(CommandWhen.AFTER_RESTORE, run=("migrate", "{staged}")),
        ),
        (tree(),),
        "token",
    )
    assert [(call.folder, call.run, call.undo) for call in around.before(CommandWhen.MAINTENANCE_ON)] == [
        ("/var/www/laravel/public", ("down", "--secret=token"), ("undo", "token")),
        ("", ("nginx",), ("undo", "token")),
    ]
    assert [(call.folder, call.run, call.undo) for call in around.in_staged()] == [
        ("/srv/.stage/laravel/public", ("down", "--secret=token"), ()),
        ("", ("down", "/srv/.stage/laravel/x"), ()),
    ]
    assert [call.run for call in around.after(CommandWhen.AFTER_RESTORE)] == [("migrate", "/srv/laravel")]
    gone = tree(Pair("/srv/laravel", "/srv/.stage/laravel", 0, 8))
    lost = Around(around.commands, (gone,), "token")
    assert [call.run for call in lost.before(CommandWhen.MAINTENANCE_ON)] == [("nginx",)], "nothing to take down"
    assert len(new_bypass()) == 32
    assert new_bypass() != new_bypass()


@pytest.mark.spec("R6", "R8")
def test_the_effects_are_in_the_order_that_never_shows_half_a_site() -> None:
    every = [command(when, "/srv/laravel", (when.value,)) for when in reversed(CommandWhen)]
    whole = tree(kept=(".env",), left_alone=(LeftAlone("storage/logs", 3, 4),))
    parts = tree(
        Pair("/srv/laravel/a", "/srv/.stage/laravel/a", 1, 2),
        Pair("/srv/laravel/b", "/srv/.stage/laravel/b", 0, 5),
        Pair("/srv/laravel/c", "/srv/.stage/laravel/c", 6, 0),
        kept=("a/secret", "elsewhere"),
    )
    effects = effects_of(Around(tuple(every), (whole, parts), "token"), (whole, parts), [], RUN)
    assert [type(effect).__name__ if not isinstance(effect, RunCommand) else effect.name for effect in effects] == [
        "maintenance_on", "KeepLive", "KeepLive", "maintenance_on", "stop", "ExchangePaths", "TradePlaces",
        "ExchangePaths", "RenamePath", "RenamePath", "after_restore", "start", "maintenance_off", "smoke",
    ]  # fmt: skip
    staged = next(effect for effect in effects if isinstance(effect, RunCommand) and effect.staged)
    assert staged.folder == "/srv/.stage/laravel"
    keeps = [effect for effect in effects if isinstance(effect, KeepLive)]
    assert [(keep.live, keep.path) for keep in keeps] == [("/srv/laravel", ".env"), ("/srv/laravel/a", "secret")]
    exchanges = [effect for effect in effects if isinstance(effect, ExchangePaths)]
    assert exchanges[0].kept == "/srv/laravel.__before_restore_01234567"
    assert exchanges[1].kept == "/srv/laravel/a.__before_restore_01234567"
    trade = next(effect for effect in effects if isinstance(effect, TradePlaces))
    assert (trade.path, trade.other) == (f"{exchanges[0].kept}/storage/logs", "/srv/laravel/storage/logs")
    renames = [(effect.path, effect.target) for effect in effects if isinstance(effect, RenamePath)]
    assert renames == [
        ("/srv/.stage/laravel/b", "/srv/laravel/b"),
        ("/srv/laravel/c", "/srv/laravel/c.__before_restore_01234567"),
    ]


@pytest.mark.spec("R5")
def test_names_are_counted_by_what_would_become_of_them() -> None:
    def file(size: int, modified: int) -> Essence:
        return Essence("", FileKind.FILE, size, 0o644, modified, (0, 0))

    folder = Essence("", FileKind.FOLDER, 0, 0o755, 1, (0, 0))
    source = Source(
        name="x",
        kind=SourceKind.FILES,
        root="/x",
        include=("a", ".env"),
        keep_live=(".env",),
        clear_after=("a/cache/*",),
    )
    found = Comparison(source)
    point = {"a": folder, "a/new": file(3, 1), "a/same": file(5, 1), "a/cache/x": file(7, 1), ".env/x": file(1, 1)}
    for path, one in point.items():
        found.expect(path, one)
    for path, one in {
        ".env": file(1, 1),
        "a": folder,
        "a/same": file(5, 1),
        "a/gone": file(2, 1),
        "b": file(9, 1),
    }.items():
        found.meet(path, one)
    for path, one in point.items():
        found.create(path, one)
    assert (found.created, found.overwritten) == (Amount(1, 3), Amount())
    assert (found.deleted, found.unchanged, found.kept) == (Amount(1, 2), Amount(2, 5), Amount(2, 10))
