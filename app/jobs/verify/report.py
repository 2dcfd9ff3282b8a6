"""What stays of a verification: a mark in the repository, and a log beside the site's data."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

import msgspec

from app import __version__
from app.jobs.points import Point
from app.jobs.verify.proof import Proof, Verdict

MARK_NAME = "verify.json"
FORMAT = 1

ENDINGS = {Verdict.PASS: "", Verdict.FAIL: "-fail", Verdict.UNCHECKED: "-unchecked"}
"""A log whose name ends in nothing is a proof; one that could not tell must not look like one."""


class Verification(msgspec.Struct, frozen=True):
    """What stands in the mark: what was found of each source of a point, by whom and when."""

    format: int
    site: str
    point: str
    run: str
    outcome: Verdict
    proofs: tuple[Proof, ...]
    who: str
    computer: str
    made: datetime
    made_by: str
    """Overwinter's version."""


def overall(proofs: Sequence[Proof]) -> Verdict:
    """A point has failed when one source has, and is proven when all are."""
    verdicts = {proof.verdict for proof in proofs}
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.PASS if verdicts == {Verdict.PASS} else Verdict.UNCHECKED


def mark(verification: Verification) -> bytes:
    """As it stands in the repository: JSON, indented, for people's eyes too."""
    return msgspec.json.format(msgspec.json.encode(verification), indent=1)


def log_name(ended: datetime, outcome: Verdict, zone: tzinfo, again: int) -> str:
    """`verify-YYYYmmdd-HHMM.log` in the site's time, or `-fail.log`; `again` counts those of the same minute."""
    repeated = f"-{again}" if again else ""
    return f"verify-{ended.astimezone(zone):%Y%m%d-%H%M}{repeated}{ENDINGS[outcome]}.log"


def log(verification: Verification, point: Point, zone: tzinfo) -> str:
    """The log, for people."""
    taken, ended = (at.astimezone(zone) for at in (point.time, verification.made))
    head = [
        f"Verification of {verification.site}: {verification.outcome.value.upper()}",
        "",
        f"point     {point.id}, {taken:%Y-%m-%d %H:%M %Z}, {point.status}",
        f"verified  {ended:%Y-%m-%d %H:%M %Z} by {verification.who} on {verification.computer}",
        f"run       {verification.run}, Overwinter {__version__}",
    ]
    return "\n".join([*head, *(line for proof in verification.proofs for line in ("", *_lines(proof))), ""])


def _lines(proof: Proof) -> list[str]:
    lines = [f"{proof.source} ({proof.kind}): {proof.verdict.value.upper()}, {proof.seconds:.1f} s"]
    lines.append(f"  snapshot {proof.snapshot or 'none'}")
    if proof.where is not None:
        compared = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in proof.compared.items())
        lines.append(f"  {proof.where}: {compared}")
    if proof.error is not None:
        said = (proof.error.what, proof.error.means, proof.error.next)
        lines += [f"  {sentence}" for sentence in map(str, said)]
        lines += [f"  [{proof.error.code}]", *(f"    {line}" for line in proof.error.detail.splitlines())]
    return lines
