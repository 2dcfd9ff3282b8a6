"""Presets: every one fills into a site that can be used, and says what is wrong with what it is given."""

from __future__ import annotations

import re
from typing import Any

import pytest

from app.foundation.errors import UserError
from app.jobs.extending import switched_off_news
from app.settings.model import Host, HostKind, Repository, Site, SourceKind
from app.settings.presets import Preset, Use, filled, new_site, preset_named, presets, with_parts
from app.settings.rules import faults_of
from app.settings.site_file import read, write

NAMES = [preset.name for preset in presets()]
SITE = Site(name="north-house", repository=Repository(url="/mnt/disk/repo"))
PLACE = re.compile(r"\$\{([a-z_]+)\}")


def code_of(use: Use) -> str:
    """The code of the error that this use gets."""
    with pytest.raises(UserError) as refused:
        filled(use)
    return refused.value.code


def choices_of(preset: Preset) -> list[dict[str, Any]]:
    """Its values in every way they can be chosen, and each left empty where that is one."""
    ways: list[dict[str, Any]] = [{}]
    for ask in preset.asks:
        ways += [{ask.key: choice} for choice in ask.choices]
    conditions = {str(row.get("only_if", "")) for row in (*preset.hosts, *preset.sources, *preset.commands)}
    return ways + [{condition: ""} for condition in conditions if condition and "=" not in condition]


@pytest.mark.spec("S5")
def test_the_five_presets_of_the_specification_are_there() -> None:
    assert {"laravel", "python-service", "mosquitto", "docker-compose", "hydro-2"} <= set(NAMES)


@pytest.mark.spec("S5")
@pytest.mark.parametrize("name", NAMES)
def test_every_preset_makes_a_site_that_can_be_used_whatever_is_chosen(name: str) -> None:
    for values in choices_of(preset_named(name)):
        site = new_site("south", "", "/mnt/disk/south", (), [Use(name, name, values=values)])
        assert faults_of(site) == ()
        assert read(write(site)).site == site
        assert "${" not in write(site)
        assert site.sources


@pytest.mark.parametrize("name", NAMES)
def test_every_place_in_a_preset_has_a_value_and_every_value_a_place(name: str) -> None:
    preset = preset_named(name)
    rows = str((preset.hosts, preset.sources, preset.commands, [ask.default for ask in preset.asks]))
    conditions = set(re.findall(r"'only_if': '!?([a-z_]+)", rows))
    asked = {ask.key for ask in preset.asks}
    assert set(PLACE.findall(rows)) - {"label", "host"} | conditions == asked
    assert preset.title
    assert all(ask.what for ask in preset.asks)


@pytest.mark.spec("S5")
def test_presets_come_together_in_one_site_each_under_its_own_name() -> None:
    server = Host(name="server", kind=HostKind.SSH, address="10.0.0.5")
    uses = [
        Use("laravel", "laravel", "server", {"root": "/srv/app", "db": "mysql", "db_port": "3307"}),
        Use("python-service", "history-logger", "server"),
        Use("python-service", "alarm", "server", {"unit": ""}),
    ]
    site = new_site("south", "Южная", "/mnt/disk/south", (server,), uses)
    sources = {source.name: source for source in site.sources}
    assert sources["laravel-database"].kind is SourceKind.MYSQL
    assert sources["laravel-database"].port == 3307
    assert sources["laravel"].root == "/srv/app"
    assert sources["history-logger-unit"].include == ("history-logger.service",)
    assert "alarm-unit" not in sources
    assert {source.host for source in site.sources} == {"server"}
    assert ("php", "artisan", "down", "--secret={bypass}") in {command.run for command in site.commands}


def test_the_default_of_a_value_may_hold_those_before_it() -> None:
    (source,) = filled(Use("sqlite", "readings")).sources
    assert source.database == "/var/lib/readings/readings.sqlite"


@pytest.mark.spec("S5", "X3")
def test_an_unknown_preset_is_told_with_the_nearest_one() -> None:
    with pytest.raises(UserError) as refused:
        filled(Use("laravle", "x"))
    assert refused.value.code == "usage.preset-unknown"
    assert 'Did you mean "laravel"?' in str(refused.value.problem.next)


@pytest.mark.spec("X3")
@pytest.mark.parametrize(
    ("use", "code"),
    [
        (Use("laravel", "laravel", values={"folder": "/x"}), "usage.preset-value"),
        (Use("laravel", "laravel", values={"db": "oracle"}), "usage.preset-value"),
        (Use("laravel", "laravel", values={"db_port": "many"}), "usage.preset-value"),
        (Use("laravel", "laravel", values={"db_port": "99999"}), "usage.preset-value"),
        (Use("laravel", "laravel", values={"root": "a\0b"}), "usage.preset-value"),
        (Use("laravel", "теплица"), "usage.preset-label"),
        (Use("laravel", "a,b"), "usage.preset-label"),
        (Use("laravel", ""), "usage.preset-label"),
    ],
)
def test_what_a_preset_cannot_take_is_told(use: Use, code: str) -> None:
    assert code_of(use) == code


@pytest.mark.spec("X3")
def test_a_name_that_the_site_has_already_is_refused_and_nothing_is_added() -> None:
    site = with_parts(SITE, filled(Use("mosquitto", "broker")))
    with pytest.raises(UserError) as refused:
        with_parts(site, filled(Use("mosquitto", "Broker")))
    assert refused.value.code == "preset.name-taken"
    assert with_parts(site, filled(Use("mosquitto", "second"))).sources[-1].name == "second-messages"


@pytest.mark.spec("S3", "X3")
def test_a_password_in_the_repositorys_address_is_refused() -> None:
    with pytest.raises(UserError) as refused:
        new_site("south", "", "rest:https://me:Zq7-canary@host/", (), [])
    assert refused.value.code == "site.password-in-address"
    assert "Zq7" not in str(refused.value)


@pytest.mark.spec("S5")
def test_what_this_version_cannot_back_up_comes_switched_off_and_named() -> None:
    site = new_site("south", "", "/mnt/disk/south", (), [Use("hydro-2", "hydro")])
    added = switched_off_news(None, site)
    off = {source.name for source in added.site.sources if not source.enabled}
    assert off == set(added.off)
    assert {"hydro-database", "hydro-storage", "hydro-boards"} <= off
    assert {"hydro", "hydro-records"} & off == set()


def test_of_a_site_that_grows_only_what_is_new_is_switched_off() -> None:
    before = with_parts(SITE, filled(Use("docker-volume", "mine")))
    added = switched_off_news(before, with_parts(before, filled(Use("docker-volume", "new"))))
    assert added.off == ("new",)
    assert [(source.name, source.enabled) for source in added.site.sources] == [("mine", True), ("new", False)]
