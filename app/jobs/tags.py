"""The tags that every snapshot carries: made here, read here, nowhere else.

Values are `[A-Za-z0-9._-]` (restic splits a tag list at commas); the site file refuses others earlier.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from app.settings.model import THIS_COMPUTER, Site, Source

COMPLETE = "complete"
PARTIAL = "partial"

MANIFEST = "manifest"
KEEP = "keep"
VERIFY = "verify"
CHECK = "check"
"""The type of snapshots that say what a check of the repository found; their `run:` is the check's own."""
MARKS = (KEEP, VERIFY, CHECK)
"""Types of snapshots that say something of points, most of the one whose `run:` they carry, and are no part of any."""
REPAIRED = "repaired"
"""restic's own tag on a snapshot that it made out of a damaged one, without what was lost."""

PASS = "pass"
FAIL = "fail"
"""Outcomes of a verification; any other, such as `unchecked`, says nothing about the point."""


def site_tag(site: str) -> str:
    """The tag by which a site's snapshots are found."""
    return f"site:{site}"


def source_tags(site: Site, source: Source, *, run: str, trigger: str, type_: str) -> tuple[str, ...]:
    """The tags of one source's snapshot; `type_` is full, part or safety."""
    return (
        f"app:{site.app}",
        f"env:{site.env}",
        f"host:{source.host}",
        site_tag(site.name),
        f"source:{source.name}",
        f"layer:{source.layer}",
        f"run:{run}",
        f"trigger:{trigger}",
        f"type:{type_}",
    )


def manifest_tags(site: Site, *, host: str, run: str, trigger: str, outcome: str, snapshots: int) -> tuple[str, ...]:
    """The tags of a point's manifest.

    `outcome:` says without opening it whether the point is complete, `snapshots:` of how many it is made: one that
    has lost some does not look whole.
    """
    tags = _tags_of_ours(site, type_=MANIFEST, host=host, run=run, trigger=trigger)
    return (*tags, f"outcome:{outcome}", f"snapshots:{snapshots}")


def keep_tags(site: Site, *, point: str, until: date) -> tuple[str, ...]:
    """The tags of a mark that keeps a point to the end of that day, in the site's time zone."""
    tags = _tags_of_ours(site, type_=KEEP, host=THIS_COMPUTER, run=point, trigger="manual")
    return (*tags, f"until:{until.isoformat()}")


def verify_tags(site: Site, *, point: str, trigger: str, outcome: str) -> tuple[str, ...]:
    """The tags of what a verification of a point found: `outcome` is PASS, FAIL, or another word for neither."""
    tags = _tags_of_ours(site, type_=VERIFY, host=THIS_COMPUTER, run=point, trigger=trigger)
    return (*tags, f"outcome:{outcome}")


def check_tags(site: Site, *, run: str, trigger: str, share: str, outcome: str, hit: Iterable[str]) -> tuple[str, ...]:
    """The tags of what a check found: `share` is what it read, `outcome` PASS or FAIL, `hit` the points it hits."""
    tags = _tags_of_ours(site, type_=CHECK, host=THIS_COMPUTER, run=run, trigger=trigger)
    return (*tags, f"share:{share}", f"outcome:{outcome}", *(f"hit:{point}" for point in hit))


def _tags_of_ours(site: Site, *, type_: str, host: str, run: str, trigger: str) -> tuple[str, ...]:
    """The tags of a snapshot that holds nothing of the site's but what Overwinter says itself."""
    return (
        f"app:{site.app}",
        f"env:{site.env}",
        f"host:{host}",
        site_tag(site.name),
        f"source:{type_}",
        f"layer:{type_}",
        f"run:{run}",
        f"trigger:{trigger}",
        f"type:{type_}",
    )


def values_of(tags: Iterable[str], name: str) -> list[str]:
    """The values of all tags `name:…`."""
    prefix = f"{name}:"
    return [tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)]


def value_of(tags: Iterable[str], name: str) -> str:
    """The value of the tag `name:…`, "" when there is none."""
    prefix = f"{name}:"
    for tag in tags:  # a generator would take twice as long, and thousands of snapshots are asked many times each
        if tag.startswith(prefix):
            return tag.removeprefix(prefix)
    return ""
