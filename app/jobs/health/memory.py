"""What was known of each site beside its repository, for the next start, how large the repository was when it was
measured, and what of a site's notices a person has seen.

It stands in the cache folder: whoever removes that loses the sizes of the last months, and sees old notices as new.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec

from app.foundation.blocking import Blocking
from app.jobs.health.notices import Notice
from app.jobs.kit.state import KitState
from app.records.run import Run
from app.settings.model import Site
from app.settings.private_files import make_folder, read_file, remove_file, write_file

SAMPLES_KEPT = 400


class SizeSample(msgspec.Struct, frozen=True):
    """What the repository's data took at a moment, in bytes."""

    time: datetime
    bytes: int


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What this computer knew of a site beside its repository: its newest runs, and what there was to notice."""

    site: Site
    kit: KitState
    runs: tuple[Run, ...] = ()
    notices: tuple[Notice, ...] = ()


class Remembered(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of one site with the repository at `address`; `seen` is until when its notices were seen."""

    address: str = ""
    known: Known | None = None
    samples: tuple[SizeSample, ...] = ()
    seen: datetime = datetime.fromtimestamp(0, UTC)

    def with_sample(self, sample: SizeSample) -> Remembered:
        """With one more sample; the oldest go."""
        return msgspec.structs.replace(self, samples=(*self.samples, sample)[-SAMPLES_KEPT:])


class Memory:
    """One file for each site; one that is damaged, or of another version, counts as not there."""

    def __init__(self, folder: Path, blocking: Blocking) -> None:
        self._folder = folder
        self._blocking = blocking
        self._known: dict[str, Remembered] = {}

    async def recall(self, site: str, address: str) -> Remembered:
        """What is remembered of a site; nothing where its repository was another one then."""
        if site not in self._known:
            read = await self._blocking.call("files", lambda: self._read(site))
            self._known.setdefault(site, read)  # somebody may have remembered something newer meanwhile
        known = self._known[site]
        return known if known.address == address else Remembered(address=address)

    async def remember(self, site: str, remembered: Remembered) -> None:
        """Puts this in the place of what was remembered."""
        self._known[site] = remembered
        await self._blocking.call("files", lambda: self._write(site, remembered))

    async def forget(self, site: str) -> None:
        """The site is no more."""
        self._known.pop(site, None)
        await self._blocking.call("files", lambda: self._remove(site))

    def _remove(self, site: str) -> None:
        file = _file(self._folder, site)
        if file.exists():
            remove_file(file)

    def _read(self, site: str) -> Remembered:
        return read_remembered(self._folder, site)

    def _write(self, site: str, remembered: Remembered) -> None:
        make_folder(self._folder)
        write_file(_file(self._folder, site), msgspec.json.encode(remembered))


def read_remembered(folder: Path, site: str) -> Remembered:
    """What stands in a site's file. Blocks for the time of reading it."""
    content = read_file(_file(folder, site))
    if content is None:
        return Remembered()
    try:
        return msgspec.json.decode(content, type=Remembered)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Remembered()


def _file(folder: Path, site: str) -> Path:
    return folder / f"{site}.json"
