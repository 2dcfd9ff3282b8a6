"""Retention as a technician meets it: looked at first, done, a point kept, a point deleted."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.features.console import Console
from tests.features.greenhouse import make_tree
from tests.real.servers.restic import VERSIONS, restic_program

PASSWORD = "correct horse"
SITE = """
format = 1
name = "north-house"
[repository]
url = "{repository}"
[[sources]]
name = "laravel"
kind = "files"
root = "{root}"
[retention]
keep_last = 2
keep_daily = 0
keep_weekly = 0
keep_monthly = 0
"""


@pytest.fixture
def console(tmp_path: Path) -> Console:
    console = Console(tmp_path / "console", Path(restic_program(VERSIONS[-1])))
    make_tree(tmp_path / "tree", files=3)
    content = SITE.format(repository=console.folder / "repository", root=tmp_path / "tree")
    console.add_site(content, {"repository-password": PASSWORD})
    return console


def back_up(console: Console, times: int) -> list[str]:
    """So many backups that remove nothing; their points, newest first."""
    return [console.run("backup", "north-house", "--no-retention").json["run"] for _ in range(times)][::-1]


def points(console: Console) -> list[str]:
    return [point["id"] for point in console.run("points", "north-house").rows]


@pytest.mark.spec("B7", "J8")
def test_points_are_named_kept_removed_and_deleted(console: Console) -> None:
    newest, second, third, oldest = made = back_up(console, 4)
    until = (datetime.now(UTC) + timedelta(days=30)).date().isoformat()
    keep = ("point", "keep", "north-house", third[:8], "--until", until, "--reason", "перед ремонтом")
    kept = console.run(*keep).json
    assert (kept["status"], kept["until"]) == ("success", until)
    rows = {row["id"]: row for row in console.run("points", "north-house").rows}
    assert [rows[point]["kept"] for point in made] == [False, False, True, False]
    assert rows[third]["kept_until"] == until

    named = console.run("retention", "north-house", "--preview").json
    assert [(point["id"], point["why"]) for point in named["going"]] == [(oldest, ["no rule keeps it"])]
    assert {point["id"]: point["why"] for point in named["staying"]} == {
        newest: ["one of the last 2"],
        second: ["one of the last 2"],
        third: [f"kept until {until}", "перед ремонтом"],
    }
    assert points(console) == made

    done = console.run("retention", "north-house").json
    assert (done["status"], done["removed"]) == ("success", [oldest])
    assert points(console) == [newest, second, third]
    assert console.run("retention", "north-house").json["removed"] == []

    def delete(point: str, phrase: str, expect: int) -> str:
        said = console.run("point", "delete", "north-house", point, "--confirm", phrase, expect=expect)
        return "" if expect == 0 else (said.error if '{"error"' in said.err else said.json["error"])["code"]

    assert delete(second, "DELETE north-house", 4) == "point.not-confirmed"
    assert delete(newest, f"DELETE north-house {newest[:8]}", 4) == "point.newest-complete"
    assert delete("0" * 32, "DELETE north-house 00000000", 4) == "point.unknown"
    delete(second, f"DELETE north-house {second[:8]}", 0)
    assert points(console) == [newest, third]
    assert {run["type"] for run in console.run("runs", "north-house").rows} == {
        "backup", "keep", "retention", "delete",
    }  # fmt: skip


@pytest.mark.spec("B7", "J8")
def test_wrong_usage_of_keep_ends_with_2(console: Console) -> None:
    (point,) = back_up(console, 1)
    keep = ("point", "keep", "north-house", point, "--reason", "why", "--until")
    assert console.run(*keep, "2020-01-01", expect=2).error["code"] == "usage.keep-until"
    assert "2026-13-01" in console.run(*keep, "2026-13-01", expect=2).err


@pytest.mark.spec("B7")
def test_a_policy_that_keeps_nothing_is_refused_and_a_backup_by_it_is_partial(console: Console) -> None:
    back_up(console, 2)
    file = console.folder / "site.toml"
    file.write_text(file.read_text("utf-8").replace("keep_last = 2", "keep_last = 0"), "utf-8")
    console.run("site", "add", str(file), "--replace")
    assert console.run("retention", "north-house", "--preview", expect=4).error["code"] == "retention.nothing-left"
    assert console.run("retention", "north-house", expect=4).json["error"]["code"] == "retention.nothing-left"
    partial = console.run("backup", "north-house", expect=3).json
    assert (partial["status"], partial["error"]["code"]) == ("partial", "retention.nothing-left")
    assert [item["status"] for item in partial["items"]] == ["success"]
    steps = console.run("run", "show", "north-house", partial["run"]).json["steps"]
    assert [(step["key"], step["outcome"]) for step in steps][-2:] == [("read-back", "done"), ("retention", "failed")]
    assert len(points(console)) == 3


@pytest.mark.spec("B7")
def test_the_text_says_what_stays_and_why(console: Console) -> None:
    back_up(console, 1)
    told = console.command("retention", "north-house", "--preview")
    told.remove("--json")
    said = subprocess.run(told, capture_output=True, env=console.environment, check=True).stdout.decode()
    assert said.startswith("No point would go.\n1 point stays:\n")
    assert said.rstrip().endswith("one of the last 2")
    assert json.loads(console.run("retention", "north-house", "--preview").out)["going"] == []
