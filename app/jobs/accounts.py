"""Whose the numbers of owners are: the accounts and groups of a host, and what became of them on another one.

Only the system's own files are read, as restic does when it gives files to accounts by their names.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from app.foundation.words import Text, text
from app.hosts.host import Host
from app.jobs.small_file import content_of

USERS, GROUPS = "/etc/passwd", "/etc/group"

Owner = tuple[int, int]
"""The numbers of a user and a group."""


class Accounts(msgspec.Struct, frozen=True, omit_defaults=True):
    """The names of a host's users and groups by their numbers; empty where nothing is known of them."""

    users: dict[int, str] = {}
    groups: dict[int, str] = {}


class Moved(msgspec.Struct, frozen=True):
    """Users and groups that have another number now, by the one they had; None is for one that is not there."""

    users: Mapping[int, int | None] = {}
    groups: Mapping[int, int | None] = {}

    def owner(self, owner: Owner) -> Owner:
        """The numbers that an owner has now; those that have not moved, or are not there, stay."""
        user, group = owner
        here_user, here_group = self.users.get(user), self.groups.get(group)
        return user if here_user is None else here_user, group if here_group is None else here_group

    def among(self, owners: Iterable[Owner]) -> Moved:
        """Only what concerns these."""
        users, groups = {user for user, _ in owners}, {group for _, group in owners}
        return Moved(
            {user: now for user, now in self.users.items() if user in users},
            {group: now for group, now in self.groups.items() if group in groups},
        )

    @property
    def is_missing_any(self) -> bool:
        """Whether one of them is not there."""
        return None in self.users.values() or None in self.groups.values()

    def __bool__(self) -> bool:
        return bool(self.users or self.groups)

    def told(self, names: Accounts) -> list[Text]:
        """A line for each; `names` are those of the host that the numbers are of."""
        return [
            *(_told("user", names.users[then], then, now) for then, now in self.users.items()),
            *(_told("group", names.groups[then], then, now) for then, now in self.groups.items()),
        ]


async def accounts_of(host: Host) -> Accounts:
    """What a host's own files say; nothing of Windows, which has no such numbers."""
    if (await host.facts()).system == "windows":
        return Accounts()
    return Accounts(_names_in(await content_of(host, USERS)), _names_in(await content_of(host, GROUPS)))


def _names_in(content: bytes) -> dict[int, str]:
    """Lines `name:password:number:…`; of several names for a number the first, as the system has it."""
    found: dict[int, str] = {}
    for line in content.decode("utf-8", "replace").splitlines():
        name, *rest = line.split(":")
        if len(rest) > 1 and rest[1].isdecimal() and name and not name.startswith(("#", "+", "-")):
            found.setdefault(int(rest[1]), name)
    return found


def moved(then: Accounts, now: Accounts) -> Moved:
    """What has another number now. Nothing where one of the two is not known."""
    return Moved(_moved(then.users, now.users), _moved(then.groups, now.groups))


def _moved(then: Mapping[int, str], now: Mapping[int, str]) -> dict[int, int | None]:
    if not now:
        return {}
    numbers = {name: number for number, name in reversed(list(now.items()))}
    return {number: numbers.get(name) for number, name in then.items() if numbers.get(name) != number}


def _told(kind: str, name: str, then: int, now: int | None) -> Text:
    if now is None:
        return text("{kind} {name}: {then} then, not there now", kind=kind, name=name, then=then)
    return text("{kind} {name}: {then} then, {now} now", kind=kind, name=name, then=then, now=now)
