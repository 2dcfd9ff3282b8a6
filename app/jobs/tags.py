"""The tags that every snapshot carries: made here, read here, nowhere else.

Values are `[A-Za-z0-9._-]` (restic splits a tag list at commas); the site file refuses others earlier.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.settings.model import Site, Source

COMPLETE = "complete"
PARTIAL = "partial"


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


def manifest_tags(site: Site, *, host: str, run: str, trigger: str, outcome: str) -> tuple[str, ...]:
    """The tags of a point's manifest; `outcome:` says without opening it whether the point is complete."""
    return (
        f"app:{site.app}",
        f"env:{site.env}",
        f"host:{host}",
        site_tag(site.name),
        "source:manifest",
        "layer:manifest",
        f"run:{run}",
        f"trigger:{trigger}",
        "type:manifest",
        f"outcome:{outcome}",
    )


def value_of(tags: Iterable[str], name: str) -> str:
    """The value of the tag `name:…`, "" when there is none."""
    prefix = f"{name}:"
    return next((tag.removeprefix(prefix) for tag in tags if tag.startswith(prefix)), "")
