"""The verdict over a site in one sentence. What matters most is said; a site without a stored kit is not protected."""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.foundation.words import Language, Text, text
from app.jobs.health.judgement import Condition, Health, LayerHealth
from app.jobs.kit.state import KitState, Reminder


class Verdict(msgspec.Struct, frozen=True):
    """A condition, the word for it, and the sentence."""

    condition: Condition
    word: Text
    sentence: Text


_PROTECTED = text("Protected")
_NOT_PROTECTED = text("Not protected")
_NOT_YET = text("Not yet protected")
_AT_RISK = text("At risk")
_ATTENTION = text("Attention")
_NOT_KNOWN = text("Not known")


def verdict_of(health: Health, kit: KitState, now: datetime, language: Language) -> Verdict:
    """What the person should know first."""
    if not health.known:
        return Verdict(Condition.UNKNOWN, _NOT_KNOWN, _not_known(health, now, language))
    if not health.layers:
        return Verdict(Condition.NEVER, _NOT_PROTECTED, text("The site names nothing yet that is to be backed up."))
    if health.newest is None:
        return Verdict(Condition.NEVER, _NOT_PROTECTED, text("There is no complete recovery point."))
    for judge in (_broken, _failing, _ageing):
        found = judge(health, now, language)
        if found is not None:
            return found
    return _whole(health, kit, now, language)


def _not_known(health: Health, now: datetime, language: Language) -> Text:
    if health.newest is None:
        return text("What can be brought back is not known now.")
    when = language.moment(health.newest, now)
    return text("What can be brought back is not known now. The last complete point was {when}.", when=when)


def _broken(health: Health, now: datetime, language: Language) -> Verdict | None:
    if health.damaged:
        said = text("The repository is damaged. Points made since may lack something.")
        return Verdict(Condition.FAIL, _AT_RISK, said)
    if health.proof.condition is Condition.FAIL and health.proof.at is not None:
        when = language.moment(health.proof.at, now)
        return Verdict(Condition.FAIL, _AT_RISK, text("The last verification failed, {when}.", when=when))
    return None


def _failing(health: Health, now: datetime, language: Language) -> Verdict | None:
    never = [layer for layer in health.layers if layer.newest is None]
    lacking = [name for layer in health.layers for name in layer.without]
    if never or lacking:
        return Verdict(Condition.FAIL, _AT_RISK, text("No whole backup holds: {names}.", names=", ".join(lacking)))
    return _oldest(health, Condition.FAIL, _NOT_PROTECTED, now, language)


def _ageing(health: Health, now: datetime, language: Language) -> Verdict | None:
    ahead = [layer for layer in health.layers if layer.condition is Condition.UNKNOWN]
    if ahead:
        said = text("The last complete point is ahead of this computer's clock.")
        return Verdict(Condition.UNKNOWN, _NOT_KNOWN, said)
    return _oldest(health, Condition.STALE, _ATTENTION, now, language)


def _oldest(health: Health, condition: Condition, word: Text, now: datetime, language: Language) -> Verdict | None:
    found = [layer for layer in health.layers if layer.condition is condition and layer.newest is not None]
    if not found:
        return None
    worst = min(found, key=_age)
    when = language.moment(_age(worst), now)
    if len(found) > 1 and len(found) == len(health.layers) and len({layer.newest for layer in found}) == 1:
        return Verdict(condition, word, text("The last backup was {when}.", when=when))
    return Verdict(condition, word, text("{layer} was last backed up {when}.", layer=worst.layer, when=when))


def _age(layer: LayerHealth) -> datetime:
    assert layer.newest is not None
    return layer.newest


def _whole(health: Health, kit: KitState, now: datetime, language: Language) -> Verdict:
    """Everything can be brought back; whether also when this computer is gone, and whether that is proven."""
    assert health.newest is not None
    when = language.moment(health.newest, now)
    if Reminder.MAKE in kit.reminders:
        said = text("Backed up {when}. There is no recovery kit: with this computer the key would be lost.", when=when)
        return Verdict(Condition.STALE, _NOT_YET, said)
    if Reminder.STORE in kit.reminders:
        said = text("Backed up {when}. The recovery kit is not put away off this computer yet.", when=when)
        return Verdict(Condition.STALE, _NOT_YET, said)
    if health.proof.at is None:
        return Verdict(Condition.STALE, _ATTENTION, text("Backed up {when}, but never proven to restore.", when=when))
    said = text("Last point {when}. Proven to restore {age}.", when=when, age=language.age(now - health.proof.at))
    if kit.reminders or Condition.OK not in (health.proof.condition,) or health.check.condition is not Condition.OK:
        return Verdict(Condition.STALE, _ATTENTION, _due(health, kit, said))
    return Verdict(Condition.OK, _PROTECTED, said)


def _due(health: Health, kit: KitState, said: Text) -> Text:
    if health.proof.condition is not Condition.OK:
        return text("{said} A verification is due.", said=said)
    if health.check.condition is not Condition.OK:
        return text("{said} A check of the repository is due.", said=said)
    return text("{said} {kit}", said=said, kit=kit.said[0])
