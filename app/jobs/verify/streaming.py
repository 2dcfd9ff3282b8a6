"""Leads a dump out of the repository into the program that reads it in, on one host, without passing through here."""

from __future__ import annotations

from collections.abc import Callable

from app.foundation.errors import UserError
from app.hosts.host import Command, Finished
from app.hosts.pipe import from_end_to_end, named_pipe
from app.jobs.plan import Ctx
from app.jobs.sources.private_file import scratch_path
from app.jobs.verify.proof import Proving
from app.tools.restic.errors import READER_GONE


async def read_in(
    ctx: Ctx, proving: Proving, host: str, reader: Command, failed: Callable[[Finished], UserError]
) -> None:
    """Runs `reader` on the host with the source's dump as its input; raises what `failed` makes of its failure.

    Where restic could not give the whole dump, that is what is raised.
    """
    tree = await proving.tree(ctx, host)
    path = await scratch_path(ctx, host, f"{proving.entry.source}.pipe")
    async with named_pipe(ctx.host(host), str(path)) as pipe:

        async def reading() -> None:
            finished = await ctx.host(host).run(pipe.read_by(reader))
            if finished.code != 0:
                raise failed(finished)

        await from_end_to_end(tree.dump_into(proving.entry.path, pipe), reading(), _is_reader_gone)


def _is_reader_gone(error: BaseException) -> bool:
    return isinstance(error, UserError) and error.code == READER_GONE
