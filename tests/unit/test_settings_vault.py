"""The vault's file: as documented, and every kind of harm to it told apart from every other."""

from __future__ import annotations

import base64
import hashlib
import json
import stat
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from app.foundation.errors import Busy, Refused, UserError
from app.settings import vault as vault_module
from app.settings.passphrase_file import read_passphrase
from app.settings.private_files import locked
from app.settings.vault import ArgonCost, Cost, ScryptCost, VaultSecrets, strongest_cost

PASSPHRASE = "čtyři teplice"
FAST = ArgonCost(memory=32, passes=1, lanes=4)
FAST_SCRYPT = ScryptCost(cost=16)

COSTS = pytest.mark.parametrize("cost", [FAST, FAST_SCRYPT], ids=["argon2id", "scrypt"])


def vault_at(folder: Path, cost: Cost = FAST) -> VaultSecrets:
    return VaultSecrets(folder / "vault", folder / "locks" / "vault.lock", cost)


def made(folder: Path, cost: Cost = FAST) -> VaultSecrets:
    """A vault with one secret, open."""
    vault = vault_at(folder, cost)
    vault.make(PASSPHRASE)
    vault.set("north", "repository-password", "canary-7f3a")
    return vault


def refusal(folder: Path, passphrase: str = PASSPHRASE) -> str:
    """The code with which a new process is refused."""
    with pytest.raises(UserError) as caught:
        vault_at(folder).unlock(passphrase)
    assert "canary" not in str(caught.value.problem)
    assert passphrase not in str(caught.value.problem)
    return caught.value.code


@pytest.mark.spec("S4")
@COSTS
def test_the_file_is_what_its_format_says_and_opens_with_plain_cryptography(tmp_path: Path, cost: Cost) -> None:
    made(tmp_path, cost)
    content = (tmp_path / "vault").read_bytes()
    first, second, rest = content.split(b"\n", 2)
    assert first == b"overwinter-vault 1"
    kdf, sealed, checksum = json.loads(second), rest[:-32], rest[-32:]
    assert checksum == hashlib.sha256(content[:-32]).digest()
    salt, passphrase = base64.b64decode(kdf["salt"]), unicodedata.normalize("NFC", PASSPHRASE).encode()
    if kdf["kdf"] == "argon2id":
        key = Argon2id(
            salt=salt, length=32, iterations=kdf["passes"], lanes=kdf["lanes"], memory_cost=kdf["memory"]
        ).derive(passphrase)
    else:
        key = Scrypt(salt=salt, length=32, n=kdf["cost"], r=kdf["block"], p=kdf["lanes"]).derive(passphrase)
    header, nonce, ciphertext = sealed[:17], sealed[17:29], sealed[29:]
    plain = AESGCM(key).decrypt(nonce, ciphertext, header + first + b"\n" + second + b"\n")
    assert json.loads(plain) == {"north": {"repository-password": "canary-7f3a"}}


@pytest.mark.spec("S4")
def test_a_vault_made_here_has_a_memory_hard_key_derivation_of_full_strength(tmp_path: Path) -> None:
    vault = VaultSecrets(tmp_path / "vault", tmp_path / "lock")
    vault.make(PASSPHRASE)
    kdf = json.loads((tmp_path / "vault").read_bytes().split(b"\n")[1])
    assert strongest_cost() == ArgonCost()
    assert (kdf["kdf"], kdf["memory"], kdf["passes"]) == ("argon2id", 64 * 1024, 3)
    assert len(base64.b64decode(kdf["salt"])) == 16


def test_where_the_library_has_no_argon2_scrypt_makes_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(**_arguments: object) -> Argon2id:
        raise UnsupportedAlgorithm("no Argon2id in this build")

    monkeypatch.setattr(vault_module, "Argon2id", missing)
    assert strongest_cost() == ScryptCost()


@pytest.mark.spec("S4")
def test_where_the_library_has_no_argon2_a_vault_made_with_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path)

    def missing(**_arguments: object) -> Argon2id:
        raise UnsupportedAlgorithm("no Argon2id in this build")

    monkeypatch.setattr(vault_module, "Argon2id", missing)
    assert refusal(tmp_path) == "secrets.vault-needs-argon2"


@pytest.mark.spec("S4")
@COSTS
def test_a_wrong_passphrase_is_told_from_a_damaged_vault(tmp_path: Path, cost: Cost) -> None:
    made(tmp_path, cost)
    for wrong in ("ctyri teplice", f"{PASSPHRASE} ", PASSPHRASE.upper()):
        assert refusal(tmp_path, wrong) == "secrets.wrong-passphrase"
    assert vault_at(tmp_path).exists()
    (tmp_path / "vault").unlink()
    assert refusal(tmp_path) == "secrets.vault-missing"


def test_a_passphrase_typed_on_another_system_is_the_same_one(tmp_path: Path) -> None:
    made(tmp_path)
    again = vault_at(tmp_path)
    again.unlock(unicodedata.normalize("NFD", PASSPHRASE))
    assert again.get("north", "repository-password") == "canary-7f3a"


@pytest.mark.spec("S4")
@COSTS
def test_one_flipped_bit_anywhere_is_called_damage(tmp_path: Path, cost: Cost) -> None:
    vault = made(tmp_path, cost)
    file = tmp_path / "vault"
    content = flipped = file.read_bytes()
    for at in range(len(content)):
        for bit in (1, 128):
            flipped = content[:at] + bytes([content[at] ^ bit]) + content[at + 1 :]
            file.write_bytes(flipped)
            assert refusal(tmp_path) == "secrets.vault-damaged", f"byte {at}"
    with pytest.raises(UserError) as caught:
        vault.get("north", "repository-password")
    assert caught.value.code == "secrets.vault-damaged"
    with pytest.raises(UserError):
        vault.set("north", "repository-password", "new")
    assert file.read_bytes() == flipped  # what cannot be read is not written over


@pytest.mark.spec("S4")
def test_a_forged_file_with_a_right_sum_opens_in_no_place(tmp_path: Path) -> None:
    vault = made(tmp_path)
    file = tmp_path / "vault"
    content = file.read_bytes()[:-32]
    for at in range(len(content)):
        forged = bytearray(content)
        forged[at] ^= 1
        file.write_bytes(bytes(forged) + hashlib.sha256(forged).digest())
        assert refusal(tmp_path).startswith("secrets."), f"byte {at}"
        with pytest.raises(UserError):
            vault.get("north", "repository-password")


@pytest.mark.spec("S4")
def test_a_vault_that_was_cut_short_is_called_damaged(tmp_path: Path) -> None:
    made(tmp_path)
    file = tmp_path / "vault"
    content = file.read_bytes()
    for length in range(len(content)):
        file.write_bytes(content[:length])
        assert refusal(tmp_path) == "secrets.vault-damaged"


def test_a_vault_of_a_newer_program_asks_for_an_update(tmp_path: Path) -> None:
    made(tmp_path)
    content = (tmp_path / "vault").read_bytes()[:-32].replace(b"vault 1\n", b"vault 2\n")
    (tmp_path / "vault").write_bytes(content + hashlib.sha256(content).digest())
    assert refusal(tmp_path) == "secrets.vault-newer"


@pytest.mark.parametrize(
    ("cost", "honest", "forged"),
    [
        (FAST, b'"memory":32', b'"memory":99999999999'),
        (FAST, b'"memory":32', b'"memory":1048577'),
        (FAST, b'"passes":1', b'"passes":100000'),
        (ScryptCost(cost=2), b'"cost":2,"block":8', b'"cost":4194304,"block":64'),
        (ScryptCost(cost=2), b'"cost":2,"block":8', b'"cost":1048576,"block":16'),
        (FAST, b'"kdf":"', b'"kdf":"\xff'),
    ],
)
def test_a_header_that_asks_for_all_memory_or_makes_no_sense_is_refused_at_once(
    tmp_path: Path, cost: Cost, honest: bytes, forged: bytes
) -> None:
    made(tmp_path, cost)
    content = (tmp_path / "vault").read_bytes()[:-32].replace(honest, forged)
    assert forged in content
    (tmp_path / "vault").write_bytes(content + hashlib.sha256(content).digest())
    assert refusal(tmp_path) == "secrets.vault-damaged"


def test_a_locked_vault_gives_and_takes_nothing(tmp_path: Path) -> None:
    made(tmp_path)
    vault = vault_at(tmp_path)
    assert not vault.is_unlocked()
    acts: list[Callable[[], object]] = [
        lambda: vault.get("n", "x"),
        lambda: vault.set("n", "x", "y"),
        lambda: vault.remove("n", "x"),
        vault.check,
    ]
    for act in acts:
        with pytest.raises(UserError) as caught:
            act()
        assert caught.value.code == "secrets.vault-locked"


def test_a_vault_that_was_made_anew_elsewhere_asks_for_its_passphrase_again(tmp_path: Path) -> None:
    vault = made(tmp_path)
    (tmp_path / "vault").unlink()
    vault_at(tmp_path).make("another one")
    with pytest.raises(UserError) as caught:
        vault.get("north", "repository-password")
    assert caught.value.code == "secrets.vault-locked"
    assert not vault.is_unlocked()


def test_making_a_vault_where_one_is_opens_that_one(tmp_path: Path) -> None:
    made(tmp_path)
    second = vault_at(tmp_path)
    second.make(PASSPHRASE)
    assert second.get("north", "repository-password") == "canary-7f3a"
    with pytest.raises(UserError) as caught:
        vault_at(tmp_path).make("another one")
    assert caught.value.code == "secrets.wrong-passphrase"


def test_a_vault_that_another_process_holds_is_busy_not_stuck(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vault = made(tmp_path)
    monkeypatch.setattr(vault_module, "LOCK_WAIT", 0.05)
    with locked(tmp_path / "locks" / "vault.lock", 0), pytest.raises(Busy):
        vault.get("north", "repository-password")


@pytest.mark.spec("S4")
def test_the_key_and_the_secrets_do_not_show_in_what_python_prints(tmp_path: Path) -> None:
    vault = made(tmp_path)
    assert "b'" not in repr(vault._unlocked)
    assert "canary" not in repr(vars(vault))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes: the profile's rights are inherited")
def test_the_vault_is_closed_to_others(tmp_path: Path) -> None:
    made(tmp_path)
    assert stat.S_IMODE((tmp_path / "vault").stat().st_mode) == 0o600


# --- the passphrase's file --------------------------------------------------------------------


def passphrase_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    file = folder / "passphrase"
    file.write_bytes(content)
    file.chmod(mode)
    return file


@pytest.mark.spec("S4")
@pytest.mark.parametrize(
    ("content", "passphrase"),
    [(b"one two", "one two"), (b"one two\n", "one two"), (b"one two\r\n", "one two"), (b" one \n\n", " one \n")],
)
def test_a_passphrase_file_loses_one_line_end(tmp_path: Path, content: bytes, passphrase: str) -> None:
    assert read_passphrase(passphrase_file(tmp_path, content)) == passphrase


@pytest.mark.spec("S4")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes: the profile's rights are inherited")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o666, 0o610])
def test_a_passphrase_file_that_is_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    file = passphrase_file(tmp_path, b"canary", mode)
    with pytest.raises(Refused) as caught:
        read_passphrase(file)
    assert caught.value.code == "secrets.passphrase-file-open"
    file.chmod(0o400)
    assert read_passphrase(file) == "canary"


@pytest.mark.spec("S4")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no owner by number")
def test_a_passphrase_file_of_somebody_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = passphrase_file(tmp_path, b"canary")
    monkeypatch.setattr("os.geteuid", lambda: file.stat().st_uid + 1)
    with pytest.raises(Refused):
        read_passphrase(file)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"x" * 70_000])
def test_a_passphrase_file_without_a_passphrase_is_told(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UserError) as caught:
        read_passphrase(passphrase_file(tmp_path, content))
    assert caught.value.code == "secrets.passphrase-file"


def test_a_passphrase_file_that_is_no_file_is_told(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "missing"):
        with pytest.raises(UserError) as caught:
            read_passphrase(path)
        assert caught.value.code == "secrets.passphrase-file"
