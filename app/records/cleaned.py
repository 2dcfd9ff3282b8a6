"""Takes known secrets out of what is about to be recorded, and leaves what the program itself wrote."""

from __future__ import annotations

import msgspec

from app.foundation.errors import Problem
from app.foundation.events import Item
from app.foundation.redact import Redactor
from app.foundation.words import Field, Text


def cleaned_text(redactor: Redactor, sentence: Text) -> Text:
    """The sentence with its fields cleaned; its id stands in our own code."""
    fields = {name: _cleaned_field(redactor, value) for name, value in sentence.fields.items()}
    return msgspec.structs.replace(sentence, fields=fields)


def _cleaned_field(redactor: Redactor, value: Field) -> Field:
    match value:
        case str():
            return redactor.text(value)
        case Text():
            return cleaned_text(redactor, value)
        case _:
            return value


def cleaned_problem(redactor: Redactor, problem: Problem) -> Problem:
    """The problem with its sentences' fields and its detail cleaned."""
    return msgspec.structs.replace(
        problem,
        what=cleaned_text(redactor, problem.what),
        means=cleaned_text(redactor, problem.means),
        next=cleaned_text(redactor, problem.next),
        detail=redactor.text(problem.detail),
    )


def cleaned_item(redactor: Redactor, item: Item) -> Item:
    """The item with its error and the names of what is missing cleaned."""
    return msgspec.structs.replace(
        item,
        error=None if item.error is None else cleaned_problem(redactor, item.error),
        missing=tuple(redactor.text(name) for name in item.missing),
    )
