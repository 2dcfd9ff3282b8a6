"""Reads what a Docker Compose file says of its services and volumes. Nothing in it is carried out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml


class Service(msgspec.Struct, frozen=True):
    """A service: its image ("" where it is built), its variables as far as they are literal."""

    name: str
    image: str
    environment: Mapping[str, str]


class Project(msgspec.Struct, frozen=True):
    """A compose project. `volumes` are the names that Docker knows its volumes by."""

    name: str
    services: tuple[Service, ...]
    volumes: tuple[str, ...]


def read_project(content: bytes, folder: str) -> Project | None:
    """The project of a compose file in a folder of that name; None when it is no compose file."""
    try:
        told = yaml.safe_load(content.decode("utf-8-sig", "replace"))
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if not isinstance(told, dict) or not isinstance(told.get("services"), dict):
        return None
    name = _project_name(told.get("name"), folder)
    services = tuple(_service(str(key), value) for key, value in told["services"].items())
    volumes = told.get("volumes")
    named = volumes if isinstance(volumes, dict) else {}
    return Project(name, services, tuple(_volume(name, str(key), value) for key, value in named.items()))


def _project_name(said: object, folder: str) -> str:
    """What Docker makes of a folder's name where no name is said."""
    if isinstance(said, str) and "$" not in said:
        return said
    return re.sub(r"[^a-z0-9_-]", "", folder.lower()).lstrip("_-")


def _service(name: str, told: Any) -> Service:
    fields = told if isinstance(told, dict) else {}
    image = fields.get("image")
    return Service(name, image if isinstance(image, str) else "", _environment(fields.get("environment")))


def _environment(told: Any) -> dict[str, str]:
    """Plain values only: a structure may be made of aliases, and endless when it is written out."""
    if isinstance(told, dict):
        pairs = [(str(key), str(value)) for key, value in told.items() if isinstance(value, str | int | float)]
    else:
        pairs = [each.partition("=")[::2] for each in told or () if isinstance(each, str) and "=" in each]
    return {key: value for key, value in pairs if "$" not in value}


def _volume(project: str, key: str, told: Any) -> str:
    fields = told if isinstance(told, dict) else {}
    name = fields.get("name")
    if isinstance(name, str) and "$" not in name:
        return name
    return key if fields.get("external") else f"{project}_{key}"
