"""The few environment variables that a started program gets; nothing else of ours reaches it.

Passed on is what says who, where and in which language: home, temporary folders, locale, time zone, the system's own
folders, the SSH agent's and Kerberos' addresses, certificates, and the proxy without its credentials.

Not passed on, and why: secrets that people export (`PGPASSWORD`, `RESTIC_PASSWORD`, `AWS_…`), since a dump, a hook or
a child of restic could read them; settings of the same programs (`PGHOST`, `RESTIC_REPOSITORY`), since the site file
alone decides what is touched; loader and interpreter paths (`LD_…`, `DYLD_…`, `PYTHON…`), since a packaged Overwinter
sets them for its own libraries and would break pg_dump; `DISPLAY`, `TERM` and the askpass programs, since no program
may ask a person behind our back.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

PERSON = ("HOME", "USER", "LOGNAME", "TMPDIR", "TEMP", "TMP", "LANG", "LANGUAGE", "TZ")
NETWORK = ("SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "KRB5CCNAME", "KRB5_CONFIG", "NO_PROXY")
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
WINDOWS = (
    *("SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "APPDATA", "LOCALAPPDATA", "USERPROFILE"),
    *("USERNAME", "USERDOMAIN", "HOMEDRIVE", "HOMEPATH", "COMPUTERNAME", "PUBLIC", "PROGRAMDATA", "ALLUSERSPROFILE"),
    *("PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432", "COMMONPROGRAMFILES", "COMMONPROGRAMFILES(X86)"),
    *("COMMONPROGRAMW6432", "OS", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"),
)
FAMILIES = ("LC_", "XDG_")

_PASSED_ON = frozenset((*PERSON, *NETWORK, *PROXIES, *WINDOWS))
_CREDENTIALS = re.compile(r"^([A-Za-z][A-Za-z0-9+.-]*://)?[^/]*@")


def environment(added: Mapping[str, str], ours: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What a program gets: the passed-on part of `ours`, a search path without relative folders, and `added`."""
    passed = {name: _without_credentials(name, value) for name, value in ours.items() if _is_passed_on(name)}
    return {**passed, "PATH": os.pathsep.join(search_path(ours)), **added}


def search_path(ours: Mapping[str, str] = os.environ) -> list[str]:
    """The folders where programs are looked for, absolute ones only: never the current folder."""
    folders = (ours.get("PATH") or os.defpath).split(os.pathsep)
    return [folder for folder in folders if os.path.isabs(folder)]  # noqa: PTH117  a name as the system wrote it


def _is_passed_on(name: str) -> bool:
    upper = name.upper()  # Windows does not tell `Path` from `PATH`; proxies are written in either case everywhere
    return upper in _PASSED_ON or upper.startswith(FAMILIES)


def _without_credentials(name: str, value: str) -> str:
    return _CREDENTIALS.sub(r"\1", value) if name.upper() in PROXIES else value
