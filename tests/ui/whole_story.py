"""What a person does who never opens a terminal, from the first start to a protected site; told for any hand."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path

from tests.ui.hands import Hand

PASSWORD = "canary-Zimni+zahrada"
KIT_PASSPHRASE = "correct horse battery staple"
WANTED = "pump-7.conf"
WORDS = "valve = open 7"


@dataclass(frozen=True)
class Ground:
    """What the person has: a folder, a database that a program writes, and a disk for the backups."""

    folder: Path

    @property
    def files(self) -> Path:
        """The settings of the pumps."""
        return self.folder / "pumps"

    @property
    def database(self) -> Path:
        """What the sensors measured."""
        return self.folder / "telemetry.sqlite"

    @property
    def repository(self) -> Path:
        """Where the backups are to be."""
        return self.folder / "disk" / "north-house"

    @property
    def kit(self) -> Path:
        """Where the recovery kit is to be."""
        return self.folder / "north-house.kit"

    @property
    def saved(self) -> Path:
        """Where a file out of the past is to be."""
        return self.folder / "saved.conf"

    def make(self) -> Ground:
        """Puts everything there that was there before the program."""
        self.files.mkdir(parents=True)
        (self.folder / "disk").mkdir()
        for number in range(12):
            (self.files / f"pump-{number}.conf").write_text(f"valve = open {number}\n")
        database = sqlite3.connect(self.database)
        database.execute("CREATE TABLE readings (at, value)")
        database.executemany("INSERT INTO readings VALUES (?, ?)", [(n, n) for n in range(123)])
        database.commit()
        database.close()
        return self


async def tell(hand: Hand, ground: Ground) -> None:
    """The whole story."""
    await makes_a_site(hand, ground)
    await says_what_to_back_up(hand, ground)
    await tries_the_repository(hand)
    await backs_up(hand)
    await looks_into_the_past(hand, ground)
    await reads_what_a_run_did(hand)
    await makes_the_kit(hand, ground)
    await proves_it(hand)
    await sees_what_can_be_brought_back(hand)


async def makes_a_site(hand: Hand, ground: Ground) -> None:
    """Two words are enough."""
    await hand.reads("What brings you here?")
    await hand.press("Make a new site…")
    await hand.write("Title", "North house")
    await hand.write("Address", str(ground.repository))
    await hand.press("Make the site")
    await hand.reads("Nothing is backed up yet.")


async def says_what_to_back_up(hand: Hand, ground: Ground) -> None:
    """A database by a preset, a folder by hand, each tried before anything is saved."""
    await hand.press("Add a source…")
    await hand.choose("Presets and kinds", "SQLite database")
    await hand.write("What it is called", "telemetry")
    await hand.write("Path of the file", str(ground.database))
    await hand.press("Add")
    await hand.press("Test telemetry")
    await hand.reads("The database opens")
    await hand.press("Add a source…")
    await hand.choose("Presets and kinds", "Files and folders")
    await hand.press("Add")
    await hand.write("Name", "pumps")
    await hand.write("Folder", str(ground.files))
    await hand.press("Test pumps")
    await hand.reads("The folder may be read")
    await hand.press("Save")
    await hand.reads("All is saved")


async def tries_the_repository(hand: Hand) -> None:
    """Its password is stored, it is made, and it answers."""
    await hand.choose("Sections", "Repository")
    await hand.write("Repository password", PASSWORD)
    await hand.press("Store: Repository password")
    await hand.press("Test The repository")
    await hand.press("Make the repository")
    await hand.reads("The repository answers, and the password opens it.")


async def backs_up(hand: Hand) -> None:
    """The first backup; the Dashboard says what is missing yet."""
    await hand.go("Dashboard")
    await hand.press("Back up now")
    await hand.reads("Backed up today")
    await hand.reads("Not yet protected")


async def looks_into_the_past(hand: Hand, ground: Ground) -> None:
    """A file is found by its name, read, and saved."""
    await hand.go("Snapshots")
    await hand.write("Find a file by its name", WANTED)
    await hand.choose("Files that were found", WANTED)
    await hand.press("Preview")
    await hand.reads(WORDS)
    await hand.press("Save as…")
    await hand.write("File name:", str(ground.saved))
    await hand.press("Save")
    await hand.finds(ground.saved)


async def reads_what_a_run_did(hand: Hand) -> None:
    """What came of the backup, and what restic was told to do."""
    await hand.go("Runs")
    await hand.choose("Runs", "Backup")
    await hand.reads("2 sources saved in")
    await hand.reads("restic")


async def makes_the_kit(hand: Hand, ground: Ground) -> None:
    """The kit is written, and put away off this computer."""
    await hand.go("Dashboard")
    await hand.press("Make the kit…")
    await hand.write("File name:", str(ground.kit))
    await hand.press("Save")
    await hand.write("A new passphrase for the kit", KIT_PASSPHRASE)
    await hand.write("The same once more", KIT_PASSPHRASE)
    await hand.press("OK")
    await hand.finds(ground.kit)
    await hand.press("It is put away…")
    await hand.write("Where is it now, off this computer?", "the office safe")
    await hand.press("OK")
    await hand.reads("the office safe")


async def proves_it(hand: Hand) -> None:
    """Brought back for a moment, and the repository checked: only now it is called protected."""
    await hand.press("Verify now")
    await hand.reads("Proven to restore")
    await hand.press("Check now")
    await hand.reads("Checked just now")
    await hand.reads("Protected")


async def sees_what_can_be_brought_back(hand: Hand) -> None:
    """The band says it for any moment."""
    await hand.point_into("What can be brought back, to when")
    await hand.reads("back to")
