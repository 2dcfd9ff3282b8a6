"""Real restics for tests, and what only a test does to a repository: write sealed files into it by hand."""

from __future__ import annotations

import atexit
import base64
import hashlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from cryptography.hazmat.primitives.poly1305 import Poly1305

from app.settings.places import places
from app.tools.restic.program import private_programs

VERSIONS = ("0.18", "0.19")


def restic_program(version: str) -> str:
    """The restic of a version such as `0.18`; skips the test where set-up could not bring one.

    `OVERWINTER_TEST_RESTIC_018` and `_019` name others than those in the private tools folder.
    """
    named = os.environ.get(f"OVERWINTER_TEST_RESTIC_{version.replace('.', '')}")
    if named:
        return named
    private = [path for path in private_programs(places().tools) if Path(path).parent.name.startswith(f"{version}.")]
    if not private:
        pytest.skip(f"restic {version} is not here; `installer/bootstrap.py setup` brings it")
    return private[0]


def fresh_repository(program: str, folder: Path, password: str) -> None:
    """Puts an empty repository at `folder` whose key is cheap to derive; restic makes it once, then it is copied."""
    template = _templates.get((program, password))
    if template is None:
        template = _templates[program, password] = Path(tempfile.mkdtemp(prefix="overwinter-restic-"))
        atexit.register(shutil.rmtree, template)
        subprocess.run(
            [program, "--repo", template / "repository", "--no-cache", "--quiet", "init"],
            input=password.encode() + b"\n",
            capture_output=True,
            check=True,
        )
        SealedRepository(template / "repository", password).quicken()
    shutil.copytree(template / "repository", folder)


_templates: dict[tuple[str, str], Path] = {}


class SealedRepository:
    """A local repository whose files are read and written as restic seals them (AES-CTR and Poly1305)."""

    def __init__(self, folder: Path, password: str) -> None:
        self._folder = folder
        self._password = password
        (self._key_file,) = (folder / "keys").iterdir()
        self._key = json.loads(self._key_file.read_bytes())
        self._master = _open(self._derived(), base64.b64decode(self._key["data"]))
        keys = json.loads(self._master)
        mac = {name: base64.b64decode(value) for name, value in keys["mac"].items()}
        self._keys = _Keys(base64.b64decode(keys["encrypt"]), mac["k"], mac["r"])

    def quicken(self) -> None:
        """Makes its key cheap to derive, so that a test does not pay half a second for each restic it starts."""
        self._key["N"] = 2
        self._key["data"] = base64.b64encode(_seal(self._derived(), self._master)).decode()
        content = json.dumps(self._key).encode()
        self._key_file.unlink()
        self._key_file = self._key_file.with_name(hashlib.sha256(content).hexdigest())
        self._key_file.write_bytes(content)

    def change_config(self, change: Callable[[dict[str, Any]], None]) -> None:
        """Rewrites the repository's config."""
        path = self._folder / "config"
        config = json.loads(_open(self._keys, path.read_bytes()))
        change(config)
        path.chmod(0o600)
        path.write_bytes(_seal(self._keys, json.dumps(config).encode()))

    def lock(self, *, user: str, computer: str, pid: int) -> str:
        """An exclusive lock of somebody else's; gives its id."""
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        lock = {"time": now, "exclusive": True, "hostname": computer, "username": user, "pid": pid}
        content = _seal(self._keys, json.dumps(lock).encode())
        name = hashlib.sha256(content).hexdigest()
        (self._folder / "locks" / name).write_bytes(content)
        return name

    def add_snapshot(self, tree: str, at: datetime, host: str, tags: Sequence[str]) -> str:
        """A snapshot of a tree that the repository holds, as if it had been made then; gives its id."""
        said = {"time": at.isoformat().replace("+00:00", "Z"), "tree": tree, "paths": ["/"], "hostname": host}
        content = _seal(self._keys, json.dumps({**said, "tags": list(tags)}).encode())
        name = hashlib.sha256(content).hexdigest()
        (self._folder / "snapshots" / name).write_bytes(content)
        return name

    def _derived(self) -> _Keys:
        key = self._key
        scrypt = Scrypt(salt=base64.b64decode(key["salt"]), length=64, n=key["N"], r=key["r"], p=key["p"])
        derived = scrypt.derive(self._password.encode())
        return _Keys(derived[:32], derived[32:48], derived[48:])


class _Keys:
    def __init__(self, encrypt: bytes, mac_k: bytes, mac_r: bytes) -> None:
        self.encrypt = encrypt
        self.mac_k = mac_k
        self.mac_r = mac_r


def _mac(keys: _Keys, nonce: bytes, content: bytes) -> bytes:
    # Poly1305-AES wants AES-ECB of one block, the nonce; that is its definition, not a way of hiding data.
    pad = Cipher(algorithms.AES(keys.mac_k), modes.ECB()).encryptor().update(nonce)
    poly = Poly1305(keys.mac_r + pad)
    poly.update(content)
    return poly.finalize()


def _seal(keys: _Keys, plain: bytes) -> bytes:
    nonce = os.urandom(16)
    content = Cipher(algorithms.AES(keys.encrypt), modes.CTR(nonce)).encryptor().update(plain)
    return nonce + content + _mac(keys, nonce, content)


def _open(keys: _Keys, sealed: bytes) -> bytes:
    nonce, content, mac = sealed[:16], sealed[16:-16], sealed[-16:]
    assert mac == _mac(keys, nonce, content)
    return Cipher(algorithms.AES(keys.encrypt), modes.CTR(nonce)).decryptor().update(content)
