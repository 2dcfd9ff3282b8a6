"""What a practice greenhouse has to lose: a Laravel-like tree of a few hundred files, and the broker's configuration.

Its `artisan` is real PHP, for where there is PHP: maintenance mode, caches, and a value sealed with the APP_KEY.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import random
import secrets
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from app.hosts.files import writing

APPLICATION = Path(__file__).resolve().parents[2] / "resources" / "practice" / "laravel"
"""The files of the application that are programs."""

PICTURES, CLASSES = 6, 240
SIDE = 96  # pixels of a picture

ENVIRONMENT = """\
APP_NAME=Greenhouse
APP_ENV=practice
APP_KEY=base64:{key}
DB_CONNECTION=pgsql
MQTT_HOST=127.0.0.1
"""

MOSQUITTO = """\
listener 1883 127.0.0.1
allow_anonymous false
password_file {folder}/passwords.txt
acl_file {folder}/acl
persistence true
persistence_location {folder}/data/
"""

ACCESS = """\
user python_service
topic readwrite hydro/#

user esp32_node
topic read hydro/+/+/+/+/command
topic write hydro/+/+/+/+/telemetry
"""

ACCOUNTS = ("python_service", "esp32_node", "history_logger")
ROUNDS = 101  # of PBKDF2, as mosquitto_passwd has them

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
    """What was made: files, and their bytes."""

    files: int
    bytes: int


def grow(application: Path, broker: Path) -> Grown:
    """Makes the tree of the application, and the folder of the broker. Blocks; raises `UserError` `host.…`."""
    with writing(application):
        _write(application, _files())
        for name in ("artisan", "public/index.php"):
            _write(application, [(name, (APPLICATION / name).read_bytes())])
        (application / "artisan").chmod(0o755)
        (application / ".env").chmod(0o640)
        if os.name == "posix":
            (application / "public" / "storage").symlink_to("../storage/app/public")
        _write(broker, _broker(broker))
        (broker / "passwords.txt").chmod(0o600)
        made = [path.stat().st_size for top in (application, broker) for path in top.rglob("*") if path.is_file()]
    return Grown(len(made), sum(made))


def _write(top: Path, files: Iterable[tuple[str, bytes]]) -> None:
    for name, content in files:
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _files() -> Iterator[tuple[str, bytes]]:
    """Names below the root, and contents; the same each time, but for the application's key."""
    rolls = random.Random(2026)
    commit = rolls.randbytes(20).hex()
    key = secrets.token_bytes(32)
    yield ".env", ENVIRONMENT.format(key=base64.b64encode(key).decode()).encode()
    yield "storage/app/sealed.json", _sealed(key)
    yield ".git/HEAD", b"ref: refs/heads/main\n"
    yield ".git/refs/heads/main", f"{commit}\n".encode()
    yield "composer.lock", json.dumps({"packages": [{"name": "laravel/framework", "version": "v12.0.0"}]}).encode()
    for number in range(CLASSES):
        zone = CLASS.format(number=number, ph=rolls.uniform(5, 7), ec=rolls.uniform(1, 3), pump=rolls.uniform(1, 2))
        yield f"app/Zones/Row{number // 24:02}/Zone{number}.php", zone.encode()
    for number in range(PICTURES):
        yield f"storage/app/public/beds/bed-{number + 1}.bmp", _picture(rolls)
    yield "storage/app/ota/ph_node-1.4.2.bin", b"\xe9" + rolls.randbytes(48 * 1024)
    yield "storage/framework/views/welcome.php", b"<?php /* made again when it is needed */\n"
    yield "storage/framework/sessions/.gitignore", b"*\n!.gitignore\n"
    yield "storage/framework/cache/data/.gitignore", b"*\n!.gitignore\n"
    yield "bootstrap/cache/config.php", b"<?php return ['app' => ['env' => 'practice']];\n"
    yield "storage/logs/laravel.log", b"[practice] left out of the backup by the site file\n"


def _sealed(key: bytes) -> bytes:
    """A value as an encrypted column holds it: readable only with the APP_KEY of its time."""
    value = base64.b64encode(secrets.token_bytes(48)).decode()
    return json.dumps({"value": value, "mac": hmac.new(key, value.encode(), hashlib.sha256).hexdigest()}).encode()


def _broker(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield "mosquitto.conf", MOSQUITTO.format(folder=folder.as_posix()).encode()
    yield "acl", ACCESS.encode()
    yield "passwords.txt", "".join(f"{name}:{_hashed(secrets.token_urlsafe())}\n" for name in ACCOUNTS).encode()
    yield "data/mosquitto.db", b"\0\0\0\0\0\0\0\0mosquitto db" + secrets.token_bytes(2048)


def _hashed(password: str) -> str:
    """As mosquitto_passwd writes it: PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(12)
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    return f"$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def _picture(rolls: random.Random) -> bytes:
    """A bitmap of leaves: its header, then three bytes a pixel."""
    leaves = [bytes((rolls.randrange(60), rolls.randrange(90, 220), rolls.randrange(60))) for _ in range(SIDE)]
    pixels = b"".join(rolls.choice(leaves) for _ in range(SIDE**2))
    sizes = struct.pack("<IIIIiiHHIIiiII", 54 + len(pixels), 0, 54, 40, SIDE, SIDE, 1, 24, 0, len(pixels), 0, 0, 0, 0)
    return b"BM" + sizes + pixels
