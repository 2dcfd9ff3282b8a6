"""Docker Compose projects: their folder, their volumes, and PostgreSQL in their containers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from app.foundation.words import Text, text
from app.hosts.file_errors import shown
from app.hosts.host import Host
from app.jobs.look.clues import Clue, path_of
from app.jobs.look.found import Finding, Found
from app.jobs.look.walk import content_of
from app.tools.compose import Project, Service, read_project

LARGEST = 512 * 1024

HYDRO = frozenset({"laravel", "db", "mqtt", "history-logger", "automation-engine"})
"""Services by which hydro 2.0 is known."""

_POSTGRESQL = re.compile(r"(^|/)(postgres|postgis|timescaledb)(:|-|\Z)|timescale")
_OTHER_DATABASES = re.compile(r"(^|/)(mysql|mariadb|percona)(:|\Z)")


async def projects(host: Host, clue: Clue) -> Finding:
    """The project of a compose file."""
    folder = clue.folder.rstrip("/").rpartition("/")[2]
    project = read_project(await content_of(host, path_of(clue), LARGEST) or b"", folder)
    if project is None:
        return Finding(notes=(text("{file} is no compose file that could be read.", file=shown(path_of(clue))),))
    if {service.name for service in project.services} >= HYDRO:
        return Finding((_hydro(project, clue),))
    return Finding(tuple(_parts(project, clue)), tuple(_not_proposed(project)))


def _hydro(project: Project, clue: Clue) -> Found:
    database = next((one for one in project.services if one.name == "db"), None)
    said = database.environment if database is not None else {}
    values = {"root": clue.folder, "project": project.name}
    values |= {
        key: said[name] for key, name in (("database", "POSTGRES_DB"), ("user", "POSTGRES_USER")) if name in said
    }
    seen = text("the services of hydro 2.0 in {file}", file=shown(path_of(clue)))
    return Found(preset="hydro-2", called="hydro", place=clue.folder, values=values, seen=seen)


def _parts(project: Project, clue: Clue) -> Iterator[Found]:
    seen = text("{file}", file=shown(path_of(clue)))
    place = clue.folder
    yield Found(preset="docker-compose", called=project.name, place=place, values={"root": place}, seen=seen)
    for service in project.services:
        if _POSTGRESQL.search(service.image):
            yield _postgresql(project, service, clue)
    for volume in project.volumes:
        yield Found(preset="docker-volume", called=volume, place="", values={"volume": volume}, seen=seen)


def _postgresql(project: Project, service: Service, clue: Clue) -> Found:
    user = service.environment.get("POSTGRES_USER", "postgres")
    return Found(
        preset="postgresql-container",
        called=f"{project.name}-{service.name}",
        place="",
        values={
            "container": f"{project.name}-{service.name}-1",
            "database": service.environment.get("POSTGRES_DB", user),
            "user": user,
        },
        seen=text("{image} in {file}", image=service.image, file=shown(path_of(clue))),
    )


def _not_proposed(project: Project) -> Iterator[Text]:
    for service in project.services:
        if _OTHER_DATABASES.search(service.image):
            yield text(
                "The container of {service} ({image}) holds a database that is not proposed.",
                service=service.name,
                image=service.image,
            )
