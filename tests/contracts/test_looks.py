"""A look at a host of every kind: what is there is proposed, and nothing is touched, followed or given away."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from app.jobs.look.job import Look, look
from app.jobs.look.walk import Limits
from app.settings.model import Host, HostKind, Repository, Site, Source, SourceKind
from tests.contracts.hosts import HOSTS, Place
from tests.running import run

if sys.platform == "win32":
    pytest.skip("told with folders and modes of POSIX", allow_module_level=True)

PASSWORD = 'canary pa#ss"wörd'
ENV = (
    "\ufeffAPP_NAME=Greenhouse\r\nDB_CONNECTION=pgsql\r\nDB_HOST=127.0.0.1\r\nDB_PORT=5433\r\n"
    'DB_DATABASE=hydro\r\nDB_USERNAME=hydro\r\nDB_PASSWORD="canary pa#ss\\"wörd" # not this\r\n'
)

LIMITS = Limits()

Story = Callable[[Place, Path], Coroutine[Any, Any, None]]


def on_every_host(story: Story) -> Callable[[str, Path], None]:
    """Makes a test of a story, told with a folder of the host that is also one of ours."""

    async def told(kind: str, folder: Path) -> None:
        async with HOSTS[kind](folder) as place:
            await story(place, Path(place.folder))

    @pytest.mark.parametrize("kind", sorted(HOSTS))
    def test(kind: str, tmp_path: Path) -> None:
        run(told(kind, tmp_path))

    test.__name__ = story.__name__
    return pytest.mark.spec("S5", "H1")(test)


def site_on(place: Place, *sources: Source) -> Site:
    """A site that has this host."""
    hosts = (
        ()
        if place.host.name == "this-computer"
        else (Host(name=place.host.name, kind=HostKind.SSH, address="127.0.0.1"),)
    )
    return Site(name="north-house", repository=Repository(url="/mnt/disk/repo"), hosts=hosts, sources=sources)


async def seen(place: Place, *under: Path, site: Site | None = None, limits: Limits = LIMITS) -> Look:
    """A look below the folder of the test."""
    return await look(site or site_on(place), place.host, [str(one) for one in under or (place.folder,)], limits)


def sources_of(found: Look) -> dict[str, Source]:
    return {source.name: source for proposal in found.proposals for source in proposal.parts.sources}


def notes_of(found: Look) -> str:
    return "\n".join(map(str, found.notes))


def times_below(folder: Path) -> dict[Path, int]:
    return {path: path.lstat().st_mtime_ns for path in sorted(folder.rglob("*"))}


def make(folder: Path, *files: str, content: str = "") -> Path:
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(content, "utf-8")
    return folder


def make_laravel(folder: Path, env: str = ENV) -> Path:
    make(folder, "artisan", "composer.json", "app/User.php", "vendor/lib/compose.yaml", "storage/logs/x.log")
    (folder / ".env").write_text(env, "utf-8", newline="")
    return folder


def make_sqlite(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE t (a)")
    connection.close()
    return file


@on_every_host
async def test_a_laravel_application_is_known_by_artisan_and_its_database_by_its_env(
    place: Place, folder: Path
) -> None:
    root = make_laravel(folder / "www" / "app")
    found = await seen(place)
    (proposal,) = found.proposals
    assert proposal.preset == "laravel"
    sources = sources_of(found)
    database = sources["app-database"]
    assert (database.kind, database.database, database.port) == (SourceKind.POSTGRESQL, "hydro", 5433)
    assert (database.user, database.server, database.host) == ("hydro", "127.0.0.1", place.host.name)
    assert sources["app"].root == str(root)
    assert [command.run[1] for command in proposal.parts.commands if command.run[0] == "php"] == ["artisan"] * 5
    assert {name: one.value for name, one in proposal.passwords.items()} == {"source:app-database:password": PASSWORD}
    assert "canary" not in repr(found)


@on_every_host
async def test_an_application_by_releases_is_taken_with_what_they_share(place: Place, folder: Path) -> None:
    root = folder / "app"
    make_laravel(root / "releases" / "7")
    make(root / "shared", ".env", content="DB_CONNECTION=mariadb\nDB_DATABASE=shop\nDB_USERNAME=shop\n")
    (root / "current").symlink_to("releases/7")
    sources = sources_of(await seen(place))
    assert sources["app"].root == str(root)
    assert sources["app"].keep_live == ("shared/.env",)
    assert sources["app-database"].kind is SourceKind.MYSQL


@on_every_host
async def test_sqlite_is_known_by_its_first_bytes_and_left_out_of_the_files(place: Place, folder: Path) -> None:
    env = f"DB_CONNECTION=sqlite\nDB_DATABASE={folder}/app/database/main.sqlite\n"
    make_laravel(folder / "app", env)
    make_sqlite(folder / "app" / "database" / "main.sqlite")
    make_sqlite(folder / "app" / "storage" / "telemetry.db")
    make(folder / "other", "thumbs.db", "empty.sqlite", content="no database")
    sources = sources_of(await seen(place))
    databases = {source.database for source in sources.values() if source.kind is SourceKind.SQLITE}
    assert databases == {f"{folder}/app/database/main.sqlite", f"{folder}/app/storage/telemetry.db"}
    assert {"database/main.sqlite", "database/main.sqlite-wal", "storage/telemetry.db"} <= set(sources["app"].exclude)


@on_every_host
async def test_a_broker_a_compose_project_and_a_virtual_environment_are_found(place: Place, folder: Path) -> None:
    make(folder / "mosquitto", "acl", "passwords.txt")
    (folder / "messages").mkdir()
    make(folder / "mosquitto", "mosquitto.conf", content=f"persistence_location {folder}/messages/\n")
    compose = "services:\n  db:\n    image: postgres:16\n    environment: {POSTGRES_DB: green}\nvolumes:\n  kept:\n"
    make(folder / "stack", "compose.yml", content=compose)
    make(folder / "logger", "venv/pyvenv.cfg", "logger/__main__.py")
    make(folder / "stack" / "conf", "mosquitto.conf")
    found = await seen(place)
    sources = sources_of(found)
    assert sources["mosquitto"].root == f"{folder}/mosquitto"
    assert sources["mosquitto-messages"].root == f"{folder}/messages"
    assert sources["stack"].root == f"{folder}/stack"
    assert sources["stack_kept"].volume == "stack_kept"
    assert (sources["stack-db"].database, sources["stack-db"].host) == ("green", "stack-db-container")
    assert sources["logger"].root == f"{folder}/logger"
    assert not [source for source in sources.values() if source.root.endswith("/conf")]


@on_every_host
async def test_hydro_is_known_as_a_whole(place: Place, folder: Path) -> None:
    services = "\n".join(
        f"  {name}: {{image: x}}" for name in ("laravel", "mqtt", "history-logger", "automation-engine")
    )
    database = "  db: {image: timescale/timescaledb:2-pg16, environment: {POSTGRES_DB: green}}"
    make(folder / "hydro", "docker-compose.yml", content=f"name: hydro-prod\nservices:\n{services}\n{database}\n")
    (proposal,) = (await seen(place)).proposals
    assert (proposal.preset, proposal.label) == ("hydro-2", "hydro")
    assert {source.volume for source in proposal.parts.sources} >= {"hydro-prod_laravel_storage"}
    assert {source.database for source in proposal.parts.sources} >= {"green"}


@on_every_host
async def test_what_the_site_has_already_is_not_proposed_again(place: Place, folder: Path) -> None:
    root = make_laravel(folder / "app")
    mine = Source(name="mine", kind=SourceKind.FILES, host=place.host.name, root=f"{root}/")
    site = site_on(place, mine)
    assert set(sources_of(await seen(place, site=site))) == {"app-database"}
    data = Source(name="data", kind=SourceKind.POSTGRESQL, host=place.host.name, database="hydro", port=5433,
                  server="localhost")  # fmt: skip
    again = await seen(place, site=site_on(place, mine, data))
    assert again.proposals == ()
    elsewhere = await seen(place, site=site_on(place, Source(name="app", kind=SourceKind.FILES, root="/srv/app")))
    assert set(sources_of(elsewhere)) == {"app-2", "app-2-database"}


@on_every_host
async def test_where_there_is_nothing_nothing_is_proposed(place: Place, folder: Path) -> None:
    (folder / "empty").mkdir()
    found = await seen(place, folder / "empty", folder / "never-there")
    assert (found.proposals, found.notes, found.walked.cut) == ((), (), False)


@on_every_host
async def test_links_are_not_followed_not_even_in_a_circle(place: Place, folder: Path) -> None:
    make_laravel(folder / "elsewhere" / "app")
    inside = folder / "inside"
    (inside / "deep").mkdir(parents=True)
    (inside / "deep" / "circle").symlink_to("../..")
    (inside / "outside").symlink_to(folder / "elsewhere")
    (inside / "artisan").symlink_to(folder / "elsewhere" / "app" / "artisan")
    found = await seen(place, inside)
    assert found.proposals == ()
    assert found.walked.folders == 2


@on_every_host
async def test_names_in_any_script_get_labels_that_tags_can_carry(place: Place, folder: Path) -> None:
    make_laravel(folder / "теплица")
    make_laravel(folder / "Škola číslo 1")
    make_laravel(folder / os.fsdecode(b"odd\n\xff"))
    found = await seen(place)
    labels = {proposal.label: proposal.parts.sources[-1].root for proposal in found.proposals}
    assert labels["laravel"] == f"{folder}/теплица"
    assert labels["Skola-cislo-1"] == f"{folder}/Škola číslo 1"
    assert len(found.proposals) + notes_of(found).count("cannot be proposed") == 3


@on_every_host
async def test_an_env_without_a_usable_database_is_said_and_the_files_are_proposed(place: Place, folder: Path) -> None:
    make_laravel(folder / "docker", "DB_CONNECTION=pgsql\nDB_HOST=db\nDB_DATABASE=x\n")
    make_laravel(folder / "nothing", "APP_NAME=x\n")
    make_laravel(folder / "odd", 'DB_CONNECTION=pgsql\nDB_DATABASE=x\nDB_USERNAME=y\nDB_PASSWORD="open\n')
    make_laravel(folder / "url", "DB_CONNECTION=pgsql\nDB_URL=mysql://shop:p%40ss@10.0.0.9:3307/shop\n")
    found = await seen(place)
    sources = sources_of(found)
    assert {"docker", "nothing", "odd", "odd-database", "url", "url-database"} == set(sources)
    url = sources["url-database"]
    assert (url.kind, url.server, url.port, url.database) == (SourceKind.MYSQL, "10.0.0.9", 3307, "shop")
    passwords = {name: one.value for proposal in found.proposals for name, one in proposal.passwords.items()}
    assert passwords == {"source:url-database:password": "p@ss"}
    said = notes_of(found)
    assert "a name inside Docker" in said
    assert "names no database" in said
    assert "not written so that Laravel could read it" in said


def make_many(folder: Path) -> None:
    for number in range(100):
        for inner in range(100):
            (folder / f"many-{number:03}" / f"{inner:03}").mkdir(parents=True)


@on_every_host
async def test_of_ten_thousand_folders_no_more_are_seen_than_the_limits_say(place: Place, folder: Path) -> None:
    await asyncio.to_thread(make_many, folder)
    found = await seen(place, limits=Limits(folders=150, names=90))
    assert found.walked.folders == 150
    assert found.walked.cut
    assert "There is more than a look goes through (150 folders were seen)" in notes_of(found)


@on_every_host
async def test_a_look_ends_when_its_time_is_over_and_says_so(place: Place, folder: Path) -> None:
    make_laravel(folder / "app")
    found = await seen(place, limits=Limits(seconds=0))
    assert found.walked.cut
    assert found.proposals == ()


@on_every_host
async def test_nothing_is_written_and_no_time_of_a_file_is_changed(place: Place, folder: Path) -> None:
    make_laravel(folder / "app")
    make_sqlite(folder / "app" / "database" / "x.sqlite")
    before = times_below(folder)
    await seen(place)
    assert times_below(folder) == before


@on_every_host
async def test_servers_that_listen_and_mount_points_are_read_out_of_the_systems_own_tables(
    place: Place, folder: Path
) -> None:
    from app.jobs.look.walk import mount_points

    if sys.platform != "linux":
        pytest.skip("told with the tables of Linux")
    assert "/proc" in await mount_points(place.host)


@pytest.mark.spec("S5")
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        async with HOSTS["local"](tmp_path) as place:
            folder = Path(place.folder)
            make_laravel(folder / "app")
            closed = folder / "closed"
            closed.mkdir(mode=0)
            try:
                found = await seen(place)
            finally:
                closed.chmod(0o700)
            assert found.walked.closed == (str(closed),)
            assert "1 folder may not be read by this account" in notes_of(found)

    run(story())
