"""Addresses of repositories: the same one is known in every spelling, and different ones are told apart."""

from __future__ import annotations

import itertools

import pytest

from app.settings.addresses import identity, parsed
from app.settings.model import Repository

SAME = [
    [
        "/mnt/disk/repo",
        "/mnt/disk/repo/",
        "/mnt//disk/./repo",
        "//mnt/disk/repo",
        "/mnt/x/../disk/repo",
        "local:/mnt/disk/repo",
    ],
    ["C:\\Backups\\Repo", "c:/backups/repo/", "local:C:\\backups\\repo"],
    ["\\\\nas\\share\\repo", "\\\\NAS\\Share\\repo\\"],
    ["sftp:ops@host:/srv/repo", "sftp:host:/srv/repo/", "sftp://ops@HOST:22//srv/repo", "sftp://host//srv/./repo"],
    ["sftp:ops@host:repo", "sftp://ops@host/repo"],
    ["rest:http://host:8000/north/", "rest:http://HOST:8000/north", "rest:https://host:8000//north/"],
    ["rest:https://host/", "rest:https://host:443/"],
    ["s3:s3.amazonaws.com/green/n", "s3:https://s3.amazonaws.com/green/n/", "s3:s3.eu-central-1.amazonaws.com/green/n"],
    ["b2:green:north", "b2:green:north/"],
    ["rclone:drive:repo", "rclone:drive:repo/"],
    ["rest:http+unix:///run/r.sock:/north/", "rest:http+unix:///run/r.sock:/north"],
]


@pytest.mark.spec("S1")
@pytest.mark.parametrize("spellings", SAME, ids=lambda spellings: spellings[0])
def test_a_repository_is_the_same_in_every_spelling(spellings: list[str]) -> None:
    assert len({identity(Repository(url=url)) for url in spellings}) == 1
    assert all(parsed(url).is_usable for url in spellings)


@pytest.mark.spec("S1")
def test_different_repositories_are_told_apart() -> None:
    others = [
        "/mnt/disk/Repo",
        "sftp:ana@host:repo",
        "rest:http://host:8000/south/",
        "s3:minio.example/green/n",
        "b2:green:x",
    ]
    all_of_them = [*(spellings[0] for spellings in SAME), *others]
    identities = [identity(Repository(url=url)) for url in all_of_them]
    assert all(one != other for one, other in itertools.combinations(identities, 2))


@pytest.mark.spec("S1")
def test_an_address_in_parts_is_the_same_repository_as_in_one_piece() -> None:
    parts = Repository(endpoint="https://minio.example:9000/", bucket="green", prefix="/north/")
    assert parts.address == "s3:https://minio.example:9000/green/north"
    assert identity(parts) == identity(Repository(url="s3:minio.example:9000/green/north"))
    assert identity(Repository(bucket="green")) == identity(Repository(url="s3:s3.amazonaws.com/green"))


@pytest.mark.parametrize(
    "url",
    [
        "",
        "repo",
        "./repo",
        "local:repo",
        "~/repo",
        "https://host/",
        "sftp:host",
        "sftp:",
        "s3:",
        "s3:host",
        "rest:",
        "rest:host",
        "b2:",
        "rclone:remote",
        "S3:host/b",
        "C:repo",
    ],
)
def test_what_restic_could_not_use_is_not_usable(url: str) -> None:
    assert not parsed(url).is_usable
