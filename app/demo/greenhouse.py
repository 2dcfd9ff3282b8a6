"""What a practice greenhouse has to lose: a Laravel-like tree of a few hundred files, telemetry in SQLite too."""

from __future__ import annotations

import base64
import contextlib
import json
import random
import secrets
import sqlite3
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from app.hosts.files import writing

NODES = tuple(f"nd-{kind}-{number}" for kind in ("ph", "ec", "climate", "light") for number in range(1, 7))
DAY = timedelta(days=1)
EVERY = timedelta(minutes=10)
PICTURES, CLASSES = 6, 240
SIDE = 96  # pixels of a picture

ENVIRONMENT = """\
APP_NAME=Greenhouse
APP_ENV=practice
APP_KEY=base64:{key}
DB_CONNECTION=pgsql
MQTT_HOST=127.0.0.1
"""

CLASS = """\
<?php

namespace App\\Zones;

final class Zone{number}
{{
    public const PH = {ph:.2f};
    public const EC = {ec:.2f};
    public const PUMP_ML_PER_SECOND = {pump:.3f};
}}
"""


class Grown(msgspec.Struct, frozen=True):
    """What was made: files, their bytes, and rows of telemetry among them."""

    files: int
    bytes: int
    rows: int


def grow(root: Path, telemetry: Path) -> Grown:
    """Makes the tree at `root` with the SQLite file `telemetry` in it. Blocks; raises `UserError` `host.…`."""
    with writing(root):
        for name, content in _files():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        (root / ".env").chmod(0o640)
        rows = _record(telemetry)
        made = [path.stat().st_size for path in root.rglob("*") if path.is_file()]
    return Grown(len(made), sum(made), rows)


def _files() -> Iterator[tuple[str, bytes]]:
    """Names below the root, and contents; the same each time, but for the application's key."""
    rolls = random.Random(2026)
    commit = rolls.randbytes(20).hex()
    yield ".env", ENVIRONMENT.format(key=base64.b64encode(secrets.token_bytes(32)).decode()).encode()
    yield ".git/HEAD", b"ref: refs/heads/main\n"
    yield ".git/refs/heads/main", f"{commit}\n".encode()
    yield "artisan", b"#!/usr/bin/env php\n<?php\n"
    yield "composer.lock", json.dumps({"packages": [{"name": "laravel/framework", "version": "v12.0.0"}]}).encode()
    for number in range(CLASSES):
        zone = CLASS.format(number=number, ph=rolls.uniform(5, 7), ec=rolls.uniform(1, 3), pump=rolls.uniform(1, 2))
        yield f"app/Zones/Row{number // 24:02}/Zone{number}.php", zone.encode()
    for number in range(PICTURES):
        yield f"storage/app/public/beds/bed-{number + 1}.bmp", _picture(rolls)
    yield "storage/framework/views/welcome.php", b"<?php /* made again when it is needed */\n"
    yield "storage/logs/laravel.log", b"[practice] left out of the backup by the site file\n"


def _picture(rolls: random.Random) -> bytes:
    """A bitmap of leaves: its header, then three bytes a pixel."""
    leaves = [bytes((rolls.randrange(60), rolls.randrange(90, 220), rolls.randrange(60))) for _ in range(SIDE)]
    pixels = b"".join(rolls.choice(leaves) for _ in range(SIDE**2))
    sizes = struct.pack("<IIIIiiHHIIiiII", 54 + len(pixels), 0, 54, 40, SIDE, SIDE, 1, 24, 0, len(pixels), 0, 0, 0, 0)
    return b"BM" + sizes + pixels


def _record(file: Path) -> int:
    """A day of telemetry. The file is closed at once: nobody writes to it, so a plain copy of it is whole."""
    began = datetime.now(UTC) - DAY
    rows = [
        ((began + turn * EVERY).isoformat(), node, 6.0 + (turn * len(node) % 17) / 10)
        for turn in range(DAY // EVERY)
        for node in NODES
    ]
    with contextlib.closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("CREATE TABLE telemetry (at TEXT, node TEXT, value REAL)")
        connection.executemany("INSERT INTO telemetry VALUES (?, ?, ?)", rows)
    return len(rows)
