"""Reads what a Mosquitto configuration says of where its files are."""

from __future__ import annotations


def settings(content: bytes) -> dict[str, str]:
    """The settings of a `mosquitto.conf` by name; of one that stands there twice the last."""
    found: dict[str, str] = {}
    for line in content.decode("utf-8-sig", "replace").splitlines():
        name, _, value = line.strip().partition(" ")
        if name and not name.startswith("#"):
            found[name] = value.strip()
    return found
