"""The root of the command line: global options, all commands, and how wrong usage ends."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from app import __version__
from app.cli.audit import audit
from app.cli.backup import backup
from app.cli.check import check
from app.cli.demo import WINDOW, OpenWindow, demo
from app.cli.diff import diff
from app.cli.hosts import host
from app.cli.kit import kit
from app.cli.output import Output
from app.cli.point import point
from app.cli.points import find, ls, points, save, snapshots
from app.cli.recover import recover, restore_undo
from app.cli.repo import repo
from app.cli.restore import restore, restore_cleanup, restore_report
from app.cli.retention import retention
from app.cli.runs import run, runs
from app.cli.secrets import secret
from app.cli.session import CANCELLED, USAGE, Session
from app.cli.sites import site
from app.cli.tools import tools
from app.cli.verify import verify
from app.foundation.words import reader_language


@click.group(context_settings={"help_option_names": ["-h", "--help"]}, invoke_without_command=True)
@click.version_option(__version__, prog_name="overwinter", message="%(prog)s %(version)s")
@click.option(
    "--data", type=click.Path(path_type=Path, readable=False), help="The folder of everything the program keeps."
)
@click.option("--json", "as_json", is_flag=True, help="The result as JSON; progress as JSON lines on standard error.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.pass_context
def overwinter(context: click.Context, data: Path | None, *, as_json: bool, quiet: bool) -> None:
    """Backs a greenhouse up, proves that it restores, puts it back. Without a command: the window."""
    context.meta[WINDOW] = context.obj
    context.obj = Session(data, Output(reader_language(), json=as_json, quiet=quiet))
    open_window: OpenWindow | None = context.meta[WINDOW]
    if context.invoked_subcommand is None and open_window is not None:
        context.exit(open_window(data))


for command in (
    tools,
    site,
    secret,
    host,
    repo,
    backup,
    points,
    point,
    snapshots,
    ls,
    find,
    diff,
    save,
    check,
    restore,
    restore_cleanup,
    restore_report,
    restore_undo,
    recover,
    retention,
    verify,
    kit,
    runs,
    run,
    audit,
    demo,
):
    overwinter.add_command(command)


def run_command_line(arguments: Sequence[str], window: OpenWindow | None = None) -> int:
    """Does what the arguments say and gives the exit code; a command that shows the window opens it by `window`."""
    try:
        overwinter.main(list(arguments), prog_name="overwinter", standalone_mode=False, obj=window)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    except click.Abort:
        return CANCELLED
    except click.ClickException as wrong:
        wrong.show()
        return USAGE
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else USAGE
    return 0
