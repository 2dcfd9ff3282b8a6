"""What restic says of damage, recorded from 0.18.0 and 0.19.1, and what is understood of it."""

from __future__ import annotations

import json

import pytest

from app.tools.restic.backup import INCOMPLETE, outcome
from app.tools.restic.check import CheckReader, Findings, Share
from app.tools.restic.folder import size_of_share
from app.tools.restic.hits import FILES_SHOWN, HitReader, HitSnapshot
from app.tools.restic.output import STORED_AGAIN, Summary, Words
from app.tools.restic.repair import Broken, BrokenReader
from tests.running import run

PACK, BLOB, OTHER = "e8" * 32, "6e" * 32, "85" * 32


def found(*lines: str) -> Findings:
    reader = CheckReader(lambda _done, _total: None)
    for line in lines:
        reader.take(line.encode())
    return reader.findings(found_nothing=False)


@pytest.mark.spec("V2")
@pytest.mark.parametrize("source", ["e8e8e8e8", f"pack {PACK}"])
def test_a_damaged_piece_is_known_with_its_pack(source: str) -> None:
    findings = found(
        f"pack {PACK} contains 2 errors: [blob {BLOB}: decrypting blob <data/6e6e6e6e> from {source} failed:"
        f" ciphertext verification failed unexpected pack id {OTHER}]"
    )
    assert (findings.packs, findings.blobs, findings.whole_packs, findings.missing) == ((PACK,), (BLOB,), (), ())


@pytest.mark.spec("V2")
def test_of_a_pack_that_is_cut_short_or_missing_no_piece_is_known() -> None:
    cut = found(f"pack {PACK}: unexpected file size: got 1000, expected 300127", "download error: file is too short")
    assert (cut.packs, cut.whole_packs, cut.missing) == ((PACK,), (PACK,), ())
    missing = found(f"pack {PACK}: does not exist")
    assert (missing.packs, missing.missing) == ((PACK,), (PACK,))


@pytest.mark.spec("V2")
def test_indexes_folders_pieces_and_records_are_told_apart() -> None:
    assert found(f"error: error loading index {BLOB}: LoadRaw(<index/6e6e6e6e6e>): invalid data returned").index
    findings = found(
        "error for tree 071ac9d5:",
        f'  tree {OTHER}: file "other" blob {BLOB} not found in index',
        "error for tree bdba46d0:",
        f"  id {OTHER} not found in repository",
    )
    assert (findings.trees, findings.lost) == (("071ac9d5", "bdba46d0"), (BLOB, OTHER))
    record = found("error: failed to load snapshot 014bb8f0: LoadRaw(<snapshot/014bb8f0eb>): invalid data returned")
    assert record.snapshots == ("014bb8f0",)


@pytest.mark.spec("V2")
def test_what_could_not_be_read_is_no_damage() -> None:
    findings = found("download error: Get http://127.0.0.1: connection refused", "Fatal: repository contains errors")
    assert not findings.is_damaged
    assert len(findings.unread) == 1


@pytest.mark.spec("V2", "X1")
def test_the_progress_of_reading_is_told_and_that_of_snapshots_is_not() -> None:
    told: list[tuple[int, int]] = []
    reader = CheckReader(lambda done, total: told.append((done, total)))
    for line in ("[0:00] 100.00%  2 / 2 snapshots", "[0:01] 25.00%  1 / 4 packs", "[1:02:03] 100.00%  4 / 4 packs"):
        reader.take(line.encode())
    assert told == [(1, 4), (4, 4)]
    assert reader.findings(found_nothing=True) == Findings(read=4)


@pytest.mark.spec("V2")
def test_hits_are_read_out_of_one_endless_line_in_any_pieces() -> None:
    names = ["/src/file", '/src/"},{"x', "/src/теплица"]
    objects = [{"object_type": "blob", "id": BLOB, "path": name, "snapshot": OTHER, "time": "t"} for name in names]
    objects.append({"object_type": "tree", "id": BLOB, "path": "/src", "snapshot": PACK, "time": "t"})
    said = json.dumps(objects, separators=(",", ":"), ensure_ascii=False).encode()
    said += f"\nUnable to load tree {BLOB}\n ... which belongs to snapshot {BLOB}\n".encode()

    async def read(size: int) -> dict[str, HitSnapshot]:
        reader = HitReader()
        for at in range(0, len(said), size):
            await reader.take(said[at : at + size])
        reader.finish()
        return reader.found

    for size in (1, 7, 100, len(said)):
        hits = run(read(size))
        assert hits[OTHER] == HitSnapshot(files=names, count=3)
        assert hits[PACK] == HitSnapshot(folders=["/src"])
        assert hits[BLOB] == HitSnapshot(folders=[""])


@pytest.mark.spec("V2")
def test_a_file_is_counted_once_and_the_first_ones_are_named() -> None:
    async def read() -> HitSnapshot:
        reader = HitReader()
        for number in range(FILES_SHOWN + 5):
            one = {"object_type": "blob", "id": BLOB, "path": f"/f{number}", "snapshot": OTHER}
            await reader.take(json.dumps(one, separators=(",", ":")).encode() * 2)
        return reader.found[OTHER]

    hit = run(read())
    assert (hit.count, len(hit.files)) == (FILES_SHOWN + 5, FILES_SHOWN)


@pytest.mark.spec("V2")
def test_what_a_dry_run_of_the_repair_says_is_lost() -> None:
    reader = BrokenReader()
    for line in (
        "snapshot ff4a960e of [/src] at 2026-11-21 15:48:28.262226123 +0000 UTC by root@vm",
        r'  file "/src/inner/\"odd\" \x00name": removed missing content',
        '  dir "/src/gone": replaced with empty directory',
        "would save new snapshot",
        "snapshot 014bb8f0 of [/src] at 2026-11-21 15:48:27.959200654 +0000 UTC by root@vm",
        "snapshot 11111111 of [/src] at 2026-11-21 15:48:27.959200654 +0000 UTC by root@vm",
        '  file "/src/grown": fixed incorrect size',
        "would save new snapshot",
        "snapshot 22222222 of [/src] at 2026-11-21 15:48:27.959200654 +0000 UTC by root@vm",
        '  dir "/": not readable',
        "would delete empty snapshot",
    ):
        reader.take(line.encode())
    assert reader.broken() == [
        Broken("ff4a960e", ('/src/inner/"odd" \0name',), ("/src/gone",), 1),
        Broken("22222222", (), ("/",), gone=True),
    ]
    assert reader.unnamed() == ["11111111"]


@pytest.mark.spec("B5", "V2")
def test_a_file_that_was_stored_again_is_not_missing() -> None:
    said = Words()
    why = f"parts of /src/file {STORED_AGAIN}"
    said.take(json.dumps({"message_type": "error", "error": {"message": why}, "item": "/src/file"}).encode())
    assert not outcome(INCOMPLETE, Summary(snapshot_id="1"), said, ()).partial
    said.take(b'{"message_type":"error","error":{"message":"permission denied"},"item":"/src/other"}')
    assert outcome(INCOMPLETE, Summary(snapshot_id="1"), said, ()).unreadable_count == 1


def test_shares_divide_packs_as_restic_does() -> None:
    packs = {"00" * 32: 1, "01" * 32: 10, "ff" * 32: 100}
    assert [size_of_share(packs, Share(number, 2)) for number in (1, 2)] == [1, 110]
    assert size_of_share(packs, Share(1, 1)) == 111
