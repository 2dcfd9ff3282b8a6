"""What the installer decides without starting anything: sources, versions, locks, places and the line to type."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path

import platformdirs
import pytest

from app.settings.places import places
from installer import bootstrap, checks, debian, releases, restic, system_packages
from installer.debian import AptSource, Archive
from installer.needs import Need
from installer.places import ROOT, data_folder

BOOKWORM = {"ID": "debian", "VERSION_ID": "12", "VERSION_CODENAME": "bookworm"}
TRIXIE = {"ID": "debian", "VERSION_ID": "13", "VERSION_CODENAME": "trixie"}
NOBLE = {"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_ID": "24.04", "VERSION_CODENAME": "noble"}
MINT = {"ID": "linuxmint", "ID_LIKE": "ubuntu debian", "VERSION_ID": "22", "UBUNTU_CODENAME": "noble"}
FEDORA = {"ID": "fedora", "VERSION_ID": "43"}

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"

ONE_LINE_LIST = f"""\
# the main archive
deb [signed-by={KEYRING} arch=amd64,arm64] http://mirror.example/debian/ bookworm main non-free-firmware  # here
deb-src http://mirror.example/debian/ bookworm main
# deb http://disabled.example/debian bookworm main
deb http://security.example/debian-security bookworm-security main
deb [ arch=amd64 ] https://download.docker.com/linux/debian bookworm stable
deb cdrom:[Debian GNU/Linux 12 - Official amd64 NETINST]/ bookworm main
deb [trusted=yes] file:/srv/local ./
"""

BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----"
DEB822 = """\
# written by hand
Types: deb deb-src
URIs: http://one.example/debian http://two.example/debian
Suites: bookworm bookworm-updates
Components: main
 contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
# a comment between the fields
URIs: http://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main

types: deb
uris: https://key.example/debian
suites: bookworm
components: main
signed-by:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
 -----END PGP PUBLIC KEY BLOCK-----
"""


def test_one_line_sources_are_read_with_their_options_and_without_comments() -> None:
    main, security, docker = (
        source for source in debian.parse_one_line_list(ONE_LINE_LIST) if source.uri.startswith("http")
    )
    assert main == AptSource(
        "http://mirror.example/debian/", ("bookworm",), ("main", "non-free-firmware"), signed_by=KEYRING
    )
    assert security.suites == ("bookworm-security",)
    assert docker == AptSource("https://download.docker.com/linux/debian", ("bookworm",), ("stable",))


def test_deb822_stanzas_are_read_with_folded_fields_and_without_the_disabled_ones() -> None:
    one, two, key = debian.parse_deb822(DEB822)
    assert (one.uri, two.uri) == ("http://one.example/debian", "http://two.example/debian")
    assert one.suites == ("bookworm", "bookworm-updates")
    assert one.components == ("main", "contrib")
    assert one.signed_by == two.signed_by == KEYRING
    assert key.signed_by.splitlines() == ["", BEGIN, ".", "mQINBF", BEGIN.replace("BEGIN", "END")]


def test_sources_of_both_forms_are_collected_and_other_files_left_alone(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    (tmp_path / "sources.list").write_text("deb http://a.example/debian bookworm main\n")
    (parts / "b.sources").write_text("Types: deb\nURIs: http://b.example/debian\nSuites: x\nComponents: main\n")
    (parts / "c.list.disabled").write_text("deb http://c.example/debian bookworm main\n")
    assert [source.uri for source in debian.machine_sources(tmp_path)] == [
        "http://a.example/debian",
        "http://b.example/debian",
    ]
    assert debian.machine_sources(tmp_path / "nowhere") == []


def test_the_distributions_own_archive_is_picked_among_third_parties(tmp_path: Path) -> None:
    own = AptSource("https://mirror.example/debian", ("bookworm",), ("main",))
    third_party = AptSource("https://vendor.example/product/debian", ("bookworm",), ("main",), "/etc/apt/vendor.gpg")
    others = [
        third_party,
        *debian.parse_one_line_list("deb http://security.example/debian-security bookworm-security main"),
        *debian.parse_one_line_list("deb http://deb.example/debian bookworm-security main"),
        *debian.parse_one_line_list("deb https://download.docker.com/linux/debian bookworm stable"),
    ]
    assert debian.archive_of([*others, own], BOOKWORM, tmp_path) == Archive("debian", own.uri, "")
    signed = AptSource("https://signed.example/debian", ("trixie",), ("main",), KEYRING)
    assert debian.archive_of([*others, own, signed], BOOKWORM, tmp_path) == Archive("debian", signed.uri, KEYRING)
    assert debian.archive_of(others[1:], BOOKWORM, tmp_path) is None


def test_an_archive_without_a_named_key_is_held_against_the_distributions_keyring(tmp_path: Path) -> None:
    (tmp_path / "ubuntu-archive-keyring.gpg").touch()
    ports = AptSource("http://ports.example/ubuntu-ports/", ("noble",), ("main", "universe"))
    assert debian.archive_of([ports], NOBLE, tmp_path) == Archive(
        "ubuntu", ports.uri, str(tmp_path / "ubuntu-archive-keyring.gpg")
    )


def test_the_mirror_list_of_a_cloud_image_is_the_archive(tmp_path: Path) -> None:
    text = "Types: deb\nURIs: mirror+file:///etc/apt/mirrors/debian.list\nSuites: bookworm\nComponents: main\n"
    archive = debian.archive_of(debian.parse_deb822(text), BOOKWORM, tmp_path)
    assert archive is not None
    assert archive.distribution == "debian"


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("restic 0.18.0 compiled with go1.24.4 on linux/amd64\n", (0, 18, 0)),
        ("restic 0.19.1-dev (compiled manually) compiled with go1.25 on linux/amd64", (0, 19, 1)),
        ("restic 1.0 compiled", (1, 0, 0)),
        ("0.18.0-1+b4", (0, 18, 0)),
        ("0.100.2", (0, 100, 2)),
        ("bash: restic: command not found", None),
        ("", None),
    ],
)
def test_a_version_is_read_from_what_restic_says_and_from_a_packages_version(
    said: str, version: tuple[int, int, int] | None
) -> None:
    assert restic.parse_version(said) == version


@pytest.mark.spec("P3")
def test_versions_are_compared_as_numbers_and_held_to_a_series() -> None:
    assert not restic.is_fit((0, 17, 3), None)
    assert restic.is_fit((0, 100, 0), None)
    assert restic.is_fit((0, 18, 1), (0, 18))
    assert not restic.is_fit((0, 19, 1), (0, 18))


def test_the_tool_lock_vouches_for_both_series_on_every_platform() -> None:
    entries = releases.read_lock(releases.TOOLS_LOCK.read_text())
    assert entries[0].version.startswith("0.19.")
    assert {entry.series[:2] for entry in entries} == {(0, 18), (0, 19)}
    targets = {"linux_amd64", "linux_arm64", "darwin_amd64", "darwin_arm64", "windows_amd64"}
    for version in {entry.version for entry in entries}:
        assert {entry.target for entry in entries if entry.version == version} == targets
    for entry in entries:
        assert entry.file.startswith(f"restic_{entry.version}_{entry.target}.")
        assert re.fullmatch(r"[0-9a-f]{64}", entry.sha256)
    assert len({entry.sha256 for entry in entries}) == len(entries)


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock"])
def test_a_lock_names_exact_versions_with_hashes_and_no_address(name: str) -> None:
    text = (ROOT / "installer" / name).read_text()
    assert "://" not in text
    requirements = text.replace("\\\n", " ").splitlines()
    assert all(re.match(r"[a-z0-9-]+==\S+ .*--hash=sha256:[0-9a-f]{64}", line) for line in requirements)


def test_the_locks_hold_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    for name, wanted in (
        ("requirements.lock", [*project["project"]["dependencies"], *project["build-system"]["requires"]]),
        ("requirements-dev.lock", project["dependency-groups"]["dev"]),
    ):
        locked = set(re.findall(r"^([a-z0-9-]+)==", (ROOT / "installer" / name).read_text(), re.MULTILINE))
        names = {re.split(r"[\[<>=~!]", line)[0].strip().lower().replace("_", "-") for line in wanted}
        assert names <= locked


@pytest.mark.skipif(sys.platform != "linux", reason="platformdirs answers for the platform it runs on")
@pytest.mark.parametrize("xdg", [None, "", "/xdg/data", "/xdg/data/", "relative/data"])
def test_the_data_folder_is_the_one_the_program_uses(monkeypatch: pytest.MonkeyPatch, xdg: str | None) -> None:
    monkeypatch.delenv("OVERWINTER_DATA", raising=False)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    environ = {} if xdg is None else {"XDG_DATA_HOME": xdg}
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    ours = data_folder(environ, "linux", Path.home())
    assert ours == Path(platformdirs.user_data_dir("overwinter", appauthor=False))
    assert ours / "tools" == places(environ={}).tools


def test_the_data_folder_is_the_platforms_own_or_the_chosen_one() -> None:
    home = Path("/home/ana")
    assert data_folder({}, "darwin", home) == home / "Library/Application Support/overwinter"
    assert data_folder({}, "win32", home) == home / "AppData/Local/overwinter"
    assert data_folder({"LOCALAPPDATA": "/local"}, "win32", home) == Path("/local/overwinter")
    for platform in ("linux", "darwin", "win32"):
        assert data_folder({"OVERWINTER_DATA": "/chosen", "XDG_DATA_HOME": "/x"}, platform, home) == Path("/chosen")


FONT = Need("a font", lambda: False, apt="fonts-dejavu-core", dnf="dejavu-sans-fonts")
DBUS = Need("dbus-run-session", lambda: False, apt="dbus", dnf="dbus-daemon")


@pytest.mark.spec("X3")
@pytest.mark.parametrize(
    ("platform", "release", "expected"),
    [
        ("linux", BOOKWORM, "apt-get install --yes --no-install-recommends dbus fonts-dejavu-core && "),
        ("linux", TRIXIE, "apt-get install --yes --no-install-recommends dbus fonts-dejavu-core restic && "),
        ("linux", NOBLE, "apt-get install --yes --no-install-recommends dbus fonts-dejavu-core && "),
        ("linux", MINT, "apt-get install --yes --no-install-recommends dbus fonts-dejavu-core && "),
        ("linux", FEDORA, "dnf install --assumeyes dbus-daemon dejavu-sans-fonts restic && "),
        ("darwin", {}, "brew install restic && "),
        ("win32", {}, "winget install --exact restic.restic"),
    ],
)
def test_everything_missing_is_in_one_line_that_is_true_for_the_system(
    platform: str, release: dict[str, str], expected: str
) -> None:
    line = system_packages.line_to_type([FONT, DBUS], True, platform, release)
    assert expected in line
    assert "\n" not in line
    assert platform == "win32" or line.endswith("bootstrap.py setup")


def test_an_old_debian_without_anything_else_missing_is_told_to_let_setup_fetch_restic() -> None:
    line = system_packages.line_to_type([], True, "linux", BOOKWORM)
    assert "apt-get" not in line
    assert line.endswith("bootstrap.py setup")


def test_a_path_that_hides_the_system_is_repaired_in_the_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert system_packages.line_to_type([DBUS], False, "linux", BOOKWORM).startswith('export PATH="$PATH:')


def test_an_unknown_system_gets_the_names_and_no_made_up_line() -> None:
    failure = system_packages.refuse([FONT, DBUS], True, "linux", {"ID": "void"})
    assert "a font, dbus-run-session, restic 0.18 or newer" in failure.what
    assert "Type this line" not in failure.next_step


def test_the_first_file_can_be_read_by_an_older_python_and_tells_it_what_to_type(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = (ROOT / "installer" / "bootstrap.py").read_text()
    ast.parse(source, feature_version=(3, 7))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "python3.11 installer/bootstrap.py setup" in bootstrap.why_unfit((3, 9), "linux")
    newer = tmp_path / "python3.12"
    newer.touch(mode=0o755)
    assert bootstrap.why_unfit((3, 9), "linux").endswith("\n  python3.12 installer/bootstrap.py setup")
    assert bootstrap.why_unfit((3, 11), "linux") == ""


def test_the_check_run_stops_at_the_first_red_and_names_it(capsys: pytest.CaptureFixture[str]) -> None:
    run: list[str] = []

    def ending_with(name: str, code: int) -> checks.Check:
        def noted() -> int:
            run.append(name)
            return code

        return checks.Check(name, noted)

    order = [ending_with("lint", 0), ending_with("types", 3), ending_with("tests", 0)]
    assert checks.until_first_red(order) == 3
    assert run == ["lint", "types"]
    assert capsys.readouterr().err.splitlines()[-1] == "Red: types (exit 3). Nothing after it was run."
