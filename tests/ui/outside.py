"""The program as a process of its own on a screen of its own, used from outside as a person does.

What stands on the screen is read over the accessibility bus (AT-SPI), as a screen reader reads it; the mouse and the
keyboard are those of the X server (xdotool). Nothing of the program is imported or called.

Needs Xvfb, xdotool, dbus-run-session and at-spi2-core.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from jeepney import DBusAddress, MessageType, new_method_call
from jeepney.io.blocking import DBusConnection, open_dbus_connection
from PIL import ImageGrab

from installer.needs import SCREEN_READER_BUS

ROOT = Path(__file__).resolve().parents[2]
BUS_LAUNCHER = next((each for each in map(Path, SCREEN_READER_BUS) if each.is_file()), None)
PATIENCE = 60.0  # seconds
SIZE = (1366, 768)
_ACCESSIBLE, _COMPONENT = "org.a11y.atspi.Accessible", "org.a11y.atspi.Component"
_PROPERTIES, _TEXT = "org.freedesktop.DBus.Properties", "org.a11y.atspi.Text"
_REGISTRY = "org.a11y.atspi.Registry"
_ROOT = "/org/a11y/atspi/accessible/root"
_SENSITIVE, _SHOWING = 24, 25  # bits of a state
_SCREEN = 0  # coordinates are the screen's
_BUTTONS = ("push button", "button", "toggle button", "check box", "radio button")
_FIELDS = ("text", "password text", "entry", "editbar")
_LISTS = ("list", "table", "tree", "tree table", "list box")
_CONFIG = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:tmpdir={folder}</listen><servicedir>{folder}</servicedir>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
</policy></busconfig>"""
_SERVICE = "[D-BUS Service]\nName=org.a11y.Bus\nExec={launcher}\n"


def missing_tools() -> list[str]:
    """What has to be installed before."""
    tools = [tool for tool in ("Xvfb", "xdotool", "dbus-daemon") if shutil.which(tool) is None]
    return tools if BUS_LAUNCHER is not None else [*tools, "at-spi2-core"]


# --- a desktop --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Desktop:
    """A screen, a session bus without anybody's keyring, and the bus of the screen readers."""

    display: str
    bus: str

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to appear on it."""
        return {
            "DISPLAY": self.display,
            "DBUS_SESSION_BUS_ADDRESS": self.bus,
            "QT_QPA_PLATFORM": "xcb",
            "QT_LINUX_ACCESSIBILITY_ALWAYS_ON": "1",
        }

    def picture(self, file: Path) -> None:
        """Takes the whole screen."""
        ImageGrab.grab(xdisplay=self.display).save(file)


@contextmanager
def desktop(folder: Path) -> Iterator[Desktop]:
    """Starts them, and ends them."""
    folder.mkdir()
    (folder / "bus.conf").write_text(_CONFIG.format(folder=folder))
    (folder / "org.a11y.Bus.service").write_text(_SERVICE.format(launcher=BUS_LAUNCHER))
    screen = f"{SIZE[0]}x{SIZE[1]}x24"
    with ExitStack() as stack:
        server = _started(stack, ["Xvfb", "-displayfd", "1", "-screen", "0", screen, "-nolisten", "tcp"])
        display = f":{_first_line(server)}"
        environment = {**_base(folder), "DISPLAY": display}
        daemon = ["dbus-daemon", f"--config-file={folder / 'bus.conf'}", "--nofork", "--print-address"]
        address = _first_line(_started(stack, daemon, environment))
        yield Desktop(display, address)


def _base(home: Path) -> dict[str, str]:
    return {**{name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}, "HOME": str(home)}


def _started(stack: ExitStack, command: list[str], environment: dict[str, str] | None = None) -> subprocess.Popen[str]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    stack.callback(_end, process)
    return process


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate(timeout=PATIENCE)


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, "it did not start"
    return line


@contextmanager
def program(on: Desktop, data: Path, variables: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Overwinter's window, as `main.py` opens it."""
    environment = {**_base(data.parent), **on.environment, "OVERWINTER_DATA": str(data), **variables}
    command = [sys.executable, "main.py"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


# --- what a screen reader reads ---------------------------------------------------------------


class Place(NamedTuple):
    """A rectangle of the screen."""

    left: int
    top: int
    width: int
    height: int

    @property
    def middle(self) -> tuple[int, int]:
        """Where one clicks."""
        return self.left + self.width // 2, self.top + self.height // 2

    def within(self, other: Place) -> Place:
        """What of it is inside the other one."""
        left, top = max(self.left, other.left), max(self.top, other.top)
        right = min(self.left + self.width, other.left + other.width)
        bottom = min(self.top + self.height, other.top + other.height)
        return Place(left, top, max(0, right - left), max(0, bottom - top))

    def has(self, x: int, y: int) -> bool:
        """Whether a point is in it."""
        return self.left <= x < self.left + self.width and self.top <= y < self.top + self.height


@dataclass(frozen=True)
class Thing:
    """One thing on the screen, and what it is in."""

    owner: str
    path: str
    name: str
    role: str
    around: tuple[Thing, ...]


class Reader:
    """Asks the program what it shows."""

    def __init__(self, on: Desktop) -> None:
        session = open_dbus_connection(on.bus)
        (address,) = _asked(session, DBusAddress("/org/a11y/bus", "org.a11y.Bus", "org.a11y.Bus"), "GetAddress")
        session.close()
        self._bus: DBusConnection = open_dbus_connection(address)

    def close(self) -> None:
        """Asks no more."""
        self._bus.close()

    def _ask(self, owner: str, path: str, interface: str, what: str, *values: Any) -> Any:
        return _asked(self._bus, DBusAddress(path, owner, interface), what, *values)[0]

    def _property(self, owner: str, path: str, interface: str, name: str) -> Any:
        return self._ask(owner, path, _PROPERTIES, "Get", "ss", interface, name)[1]

    def things(self) -> Iterator[Thing]:
        """Everything that is shown; what is in front comes first."""
        for owner, path in self._ask(_REGISTRY, _ROOT, _ACCESSIBLE, "GetChildren"):
            windows = self._ask(owner, path, _ACCESSIBLE, "GetChildren")
            for window, there in reversed(windows):
                yield from self._below(window, there, ())

    def _below(self, owner: str, path: str, around: tuple[Thing, ...]) -> Iterator[Thing]:
        if not self._has(owner, path, _SHOWING):
            return
        name = self._property(owner, path, _ACCESSIBLE, "Name")
        thing = Thing(owner, path, name, self._ask(owner, path, _ACCESSIBLE, "GetRoleName"), around)
        yield thing
        for inner, there in self._ask(owner, path, _ACCESSIBLE, "GetChildren"):
            yield from self._below(inner, there, (*around, thing))

    def _has(self, owner: str, path: str, bit: int) -> bool:
        low, high = self._ask(owner, path, _ACCESSIBLE, "GetState")
        return bool(((high << 32 | low) >> bit) & 1)

    def can_be_used(self, thing: Thing) -> bool:
        """Whether it is not greyed out."""
        return self._has(thing.owner, thing.path, _SENSITIVE)

    def place(self, thing: Thing) -> Place:
        """Where it is on the screen."""
        return Place(*self._ask(thing.owner, thing.path, _COMPONENT, "GetExtents", "u", _SCREEN))

    def text(self, thing: Thing) -> str:
        """What is written in it, of something that holds text."""
        try:
            count = self._property(thing.owner, thing.path, _TEXT, "CharacterCount")
            return str(self._ask(thing.owner, thing.path, _TEXT, "GetText", "ii", 0, count))
        except Gone:
            return ""


class Gone(Exception):
    """What was asked about is not there any more, or has no such thing."""


def _asked(bus: DBusConnection, of: DBusAddress, what: str, signature: str = "", *values: Any) -> tuple[Any, ...]:
    reply = bus.send_and_get_reply(new_method_call(of, what, signature or None, values), timeout=PATIENCE)
    if reply.header.message_type is MessageType.error:
        raise Gone(f"{what}: {reply.body}")
    return tuple(reply.body)


# --- a hand -----------------------------------------------------------------------------------


class OutsideHand:
    """Uses the program over the screen, the mouse and the keyboard alone; takes a picture after every step."""

    def __init__(self, on: Desktop, reader: Reader, pictures: Path) -> None:
        pictures.mkdir(parents=True, exist_ok=True)
        self._desktop = on
        self._reader = reader
        self._pictures = pictures
        self._taken = 0

    def _xdotool(self, *arguments: str) -> None:
        environment = {**os.environ, "DISPLAY": self._desktop.display}
        subprocess.run(["xdotool", *arguments], env=environment, check=True, timeout=PATIENCE)

    def _take(self, what: str) -> None:
        self._taken += 1
        safe = "".join(letter if letter.isalnum() else "-" for letter in what)[:40]
        self._desktop.picture(self._pictures / f"{self._taken:02d}-{safe}.png")

    async def _soon(self, fact: Callable[[], Any], what: str) -> Any:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if found := fact():
                    return found
            except Gone:
                pass  # the screen changes while it is read
            if time.monotonic() > deadline:
                self._take(f"failed {what}")
                seen = [f"{thing.role} {thing.name!r}" for thing in self._reader.things() if thing.name]
                raise AssertionError(f"{what} does not come; there are {seen}")
            await asyncio.sleep(0.05)

    def _named(self, roles: tuple[str, ...], name: str) -> Thing | None:
        for thing in self._reader.things():
            if thing.role in roles and thing.name == name and self._reader.can_be_used(thing):
                return thing
        return None

    async def _in_reach(self, thing: Thing) -> Place:
        """Where it is, once it has been scrolled to where it is seen."""
        seen = Place(0, 0, *SIZE)
        for around in thing.around[1:]:
            inner = self._reader.place(around).within(seen)
            seen = inner if inner.width and inner.height else seen
        for _ in range(40):
            place = self._reader.place(thing)
            if seen.has(*place.middle):
                return place
            wheel = "5" if place.middle[1] >= seen.top + seen.height else "4"
            self._xdotool("mousemove", *map(str, seen.middle), "click", wheel)
            await asyncio.sleep(0.05)
        raise AssertionError(f"{thing.name!r} cannot be scrolled to")

    async def _click(self, thing: Thing) -> None:
        place = await self._in_reach(thing)
        self._xdotool("mousemove", *map(str, place.middle), "click", "1")

    async def go(self, page: str) -> None:
        await self.press(page)

    async def press(self, name: str) -> None:
        await self._click(await self._soon(lambda: self._named(_BUTTONS, name), f"the button {name!r}"))
        self._take(name)

    async def write(self, name: str, words: str) -> None:
        await self._click(await self._soon(lambda: self._named(_FIELDS, name), f"the field {name!r}"))
        self._xdotool("key", "ctrl+a")
        self._xdotool("type", "--delay", "5", "--", words)

    async def choose(self, name: str, words: str) -> None:
        await self._click(await self._soon(lambda: self._row_in_reach(name, words), f"{words!r} in {name!r}"))
        self._take(f"{name} {words}")

    def _row_in_reach(self, name: str, words: str) -> Thing | None:
        """The row; while it is not on the screen the list is scrolled on."""
        found = self._row(name, words)
        if found is None and (view := self._named(_LISTS, name)) is not None:
            self._xdotool("mousemove", *map(str, self._reader.place(view).middle), "click", "5")
        return found

    def _row(self, name: str, words: str) -> Thing | None:
        for thing in self._reader.things():
            inside = any(each.name == name and each.role in _LISTS for each in thing.around)
            if inside and words in thing.name:
                return thing
        return None

    async def point_into(self, name: str) -> None:
        """With the keyboard, from the choice that stands in the same card: a block may be three pixels wide."""
        beside = await self._soon(lambda: self._choice_in(name), f"a choice in {name!r}")
        await self._click(beside)
        self._xdotool("key", "Escape", "Tab", "Left")

    def _choice_in(self, name: str) -> Thing | None:
        for thing in self._reader.things():
            if thing.role == "combo box" and any(each.name == name for each in thing.around):
                return thing
        return None

    def _says(self, words: str) -> bool:
        for thing in self._reader.things():
            if words in thing.name or (thing.role in _FIELDS and words in self._reader.text(thing)):
                return True
        return False

    async def reads(self, words: str) -> None:
        await self._soon(lambda: self._says(words), f"{words!r}")
        self._take(words)

    async def finds(self, file: Path) -> None:
        await self._soon(file.is_file, str(file))
