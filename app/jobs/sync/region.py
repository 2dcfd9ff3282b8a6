"""What of a tree may be touched: a file that a backup never took must not go because no point has it."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from app.jobs.sources.files import OURS
from app.jobs.swap.mounts import is_in
from app.jobs.swap.patterns import is_meant, outermost, parts_of
from app.settings.model import Source


class Region(msgspec.Struct, frozen=True):
    """The `parts` of a tree that are meant (none: all of it), and what is left as it is even in there.

    That is what the site keeps (`keep_live`), what it leaves out of backups or left out when the point was made
    (`exclude`), and single names that the point cannot have (`untouched`). All paths are as seen from the root.
    """

    parts: tuple[str, ...] = ()
    keep_live: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    untouched: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Whether a path is in one of the parts."""
        return not self.parts or any(is_in(path, part) for part in self.parts)

    def spares(self, path: str) -> bool:
        """Whether what stands at a path is left as it is."""
        return (
            path.startswith(OURS)
            or is_meant(path, self.keep_live)
            or is_meant(path, self.exclude, hidden=True)
            or any(is_in(path, one) for one in self.untouched)
        )


def region_of(now: Source, then: Source, untouched: Sequence[str]) -> Region | None:
    """What both the source of today and that of the point's day take; None where they have no part in common."""
    parts = parts_in_both(_parts(now), _parts(then))
    if not parts:
        return None
    return Region(
        parts=() if parts == [""] else tuple(parts),
        keep_live=now.keep_live,
        exclude=tuple(dict.fromkeys((*now.exclude, *then.exclude))),
        untouched=tuple(untouched),
    )


def _parts(source: Source) -> list[str]:
    """ "" is the whole tree."""
    return ["/".join(parts_of(part)) for part in source.include] or [""]


def parts_in_both(some: Sequence[str], others: Sequence[str]) -> list[str]:
    """What is in one of each."""
    found = {one for one in some for other in others if _is_under(one, other)}
    found |= {other for one in some for other in others if _is_under(other, one)}
    return [""] if "" in found else outermost(sorted(found))


def _is_under(path: str, part: str) -> bool:
    return not part or is_in(path, part)
