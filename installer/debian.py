"""A package of a newer Debian or Ubuntu suite, fetched through apt without touching the system.

The archive's address and signing key come from the machine's own apt sources; apt checks the signature.
Root is not needed: the package is unpacked, never installed.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from installer.console import run_quietly

ETC_APT = Path("/etc/apt")
KEYRINGS = Path("/usr/share/keyrings")

# Suites that carry restic 0.18 or newer, newest first; as of November 2026.
SUITES = {"debian": ("forky", "trixie"), "ubuntu": ("stonking", "resolute")}
COMPONENTS = {"debian": "main", "ubuntu": "main universe"}

# Also ubuntu-ports, and the mirror lists of cloud images (mirror+file:/etc/apt/mirrors/debian.list).
ARCHIVE_ADDRESS = re.compile(r"/(debian|ubuntu)(?:-ports)?(?:\.list)?/?$")
ONE_LINE = re.compile(r"deb\s+(?:\[(?P<options>[^\]]*)\]\s*)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+(?P<components>.+)")
SAYS_NO = frozenset({"no", "false", "without", "off", "disable", "0"})


@dataclass(frozen=True)
class AptSource:
    """One enabled binary source: an address with its suites, components and Signed-By (as written, or "")."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]
    signed_by: str = ""


@dataclass(frozen=True)
class Archive:
    """The distribution's own archive: which one it is, where, and what it is signed with ("": apt's own keys)."""

    distribution: str
    uri: str
    signed_by: str


def parse_one_line_list(text: str) -> list[AptSource]:
    """The enabled `deb` entries of a `sources.list`."""
    sources = []
    for line in text.splitlines():
        if match := ONE_LINE.fullmatch(line.split("#", 1)[0].strip()):
            options = dict(option.partition("=")[::2] for option in (match["options"] or "").split())
            sources.append(
                AptSource(
                    match["uri"],
                    (match["suite"],),
                    tuple(match["components"].split()),
                    options.get("signed-by", ""),
                )
            )
    return sources


def parse_deb822(text: str) -> list[AptSource]:
    """The enabled `deb` stanzas of a `.sources` file; a Signed-By may be a whole key block."""
    sources = []
    for fields in _stanzas(text):
        if "deb" not in fields.get("types", "").split() or fields.get("enabled", "yes").lower() in SAYS_NO:
            continue
        suites, components = tuple(fields.get("suites", "").split()), tuple(fields.get("components", "").split())
        signed_by = fields.get("signed-by", "")
        sources += [AptSource(uri, suites, components, signed_by) for uri in fields.get("uris", "").split()]
    return sources


def _stanzas(text: str) -> Iterator[dict[str, str]]:
    fields: dict[str, str] = {}
    name = ""
    for line in [*text.splitlines(), ""]:
        if line.startswith("#"):
            continue
        if not line.strip():
            if fields:
                yield fields
            fields, name = {}, ""
        elif line[0] in " \t":
            if name:
                fields[name] += "\n" + line.strip()
        else:
            name, _, value = line.partition(":")
            name = name.strip().lower()
            fields[name] = value.strip()


def machine_sources(etc_apt: Path = ETC_APT) -> list[AptSource]:
    """Every enabled source of this machine, in apt's own order of files."""
    sources = []
    main = etc_apt / "sources.list"
    parts = sorted((etc_apt / "sources.list.d").glob("*"))
    for file in [*([main] if main.exists() else []), *parts]:
        if file.suffix == ".list":
            sources += parse_one_line_list(file.read_text(errors="replace"))
        elif file.suffix == ".sources":
            sources += parse_deb822(file.read_text(errors="replace"))
    return sources


def archive_of(sources: Iterable[AptSource], release: Mapping[str, str], keyrings: Path = KEYRINGS) -> Archive | None:
    """The distribution's own archive among the sources: not security, not a third party's; None when there is none.

    Third parties too have addresses that end in `/debian`; one with the archive's own keyring comes first, one
    with another key last.
    """
    codenames = {release.get("VERSION_CODENAME", ""), release.get("UBUNTU_CODENAME", "")} - {""}

    def rank(source: AptSource) -> tuple[bool, bool, bool]:
        archive_key = f"/{_distribution(source)}-archive-" in source.signed_by
        return not archive_key, bool(source.signed_by) and not archive_key, not codenames & set(source.suites)

    own = min((source for source in sources if _is_archive(source)), key=rank, default=None)
    if own is None:
        return None
    return Archive(_distribution(own), own.uri, own.signed_by or _own_keyring(_distribution(own), keyrings))


def _distribution(source: AptSource) -> str:
    """`debian` or `ubuntu` by the address, "" for the address of anything else."""
    match = ARCHIVE_ADDRESS.search(source.uri)
    return match[1] if match else ""


def _is_archive(source: AptSource) -> bool:
    return (
        _distribution(source) != ""
        and not source.uri.startswith("cdrom:")
        and "main" in source.components
        and not all(suite.endswith("-security") for suite in source.suites)
    )


def _own_keyring(distribution: str, keyrings: Path) -> str:
    for ending in ("gpg", "pgp"):
        keyring = keyrings / f"{distribution}-archive-keyring.{ending}"
        if keyring.exists():
            return str(keyring)
    return ""


def can_fetch() -> bool:
    """Whether apt's programs are on the PATH."""
    return all(shutil.which(name) for name in ("apt-get", "apt-cache", "dpkg-deb"))


def offered_versions(archive: Archive, suite: str, package: str, work: Path) -> list[str]:
    """Read the suite's signed index into `work` (an empty folder) and return the package's versions there."""
    configuration = _write_private_configuration(archive, suite, work)
    run_quietly(["apt-get", "-c", configuration, "update"], f"Reading the package index of {suite}")
    rows = run_quietly(["apt-cache", "-c", configuration, "madison", package], f"Looking {package} up in {suite}")
    return [columns[1].strip() for row in rows.splitlines() if len(columns := row.split("|")) == 3]


def unpack(package: str, version: str, work: Path) -> Path:
    """Download the package that `offered_versions` named, checked by apt, and return the folder it is unpacked in."""
    run_quietly(
        ["apt-get", "-c", work / "apt.conf", "download", f"{package}={version}"],
        f"Downloading {package} {version}",
        cwd=work,
    )
    (file,) = work.glob("*.deb")
    run_quietly(["dpkg-deb", "-x", file, work / "unpacked"], f"Unpacking {file.name}")
    return work / "unpacked"


def _write_private_configuration(archive: Archive, suite: str, work: Path) -> Path:
    """An apt of our own below `work`; the machine's proxies and mirror passwords stay in force, its hooks do not."""
    for folder in ("lists/partial", "archives/partial"):
        (work / folder).mkdir(parents=True)
    (work / "status").touch()
    (work / "suite.sources").write_text(_deb822(archive, suite))
    configuration = work / "apt.conf"
    configuration.write_text(
        f"""\
Dir::Etc::SourceList "{work}/suite.sources";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
Dir::State "{work}";
Dir::State::Lists "{work}/lists";
Dir::State::Status "{work}/status";
Dir::Cache "{work}";
Dir::Cache::Archives "{work}/archives";
APT::Default-Release "";
APT::Sandbox::User "";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::AllowWeakRepositories "false";
Acquire::AllowDowngradeToInsecureRepositories "false";
Acquire::Languages "none";
Acquire::Retries "1";
APT::Update::Error-Mode "any";
Acquire::http::Timeout "30";
Acquire::https::Timeout "30";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""
    )
    return configuration


def _deb822(archive: Archive, suite: str) -> str:
    signed_by = archive.signed_by.replace("\n", "\n ")
    fields = {
        "Types": "deb",
        "URIs": archive.uri,
        "Suites": suite,
        "Components": COMPONENTS[archive.distribution],
        "Targets": "Packages",
        **({"Signed-By": signed_by} if signed_by else {}),
    }
    return "".join(f"{name}: {value}\n" for name, value in fields.items())
