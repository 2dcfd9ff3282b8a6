"""A file with a password in it, on a source's host, for as long as the program that reads it works."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import PurePath, PurePosixPath, PureWindowsPath

from app.jobs.plan import Ctx


async def scratch_path(ctx: Ctx, host: str, name: str) -> PurePath:
    """A path of that host, whose system may not be ours, in the run's folder for temporary files."""
    folder = await ctx.scratch(host)
    windows = not PurePosixPath(folder).is_absolute()
    return (PureWindowsPath if windows else PurePosixPath)(folder) / name


@asynccontextmanager
async def private_file(ctx: Ctx, host: str, name: str, content: bytes) -> AsyncIterator[str]:
    """The path of a file (0600, in the run's own folder) that is there while the body runs."""
    path = str(await scratch_path(ctx, host, name))
    try:
        await ctx.host(host).write_durably(path, content)
        yield path
    finally:
        await ctx.host(host).remove_tree(path)
