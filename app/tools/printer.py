"""The system's printer, through `lp` (CUPS: Linux and macOS); what is printed goes into its standard input."""

from __future__ import annotations

from app.foundation.errors import UserError
from app.foundation.words import text
from app.hosts.host import Command, Host

PROGRAM = "lp"
WITHIN = 60.0


async def print_document(host: Host, document: bytes, printer: str = "") -> None:
    """Prints a PDF on the printer of that name, or on the one the system prefers ("").

    Raises `UserError` `printer.none`, `printer.refused`.
    """
    if await host.which(PROGRAM) is None:
        raise _none()
    destination = ("-d", printer) if printer else ()
    command = Command(PROGRAM, (*destination, "-o", "media=A4", "-o", "fit-to-page", "--", "-"), stdin=document)
    done = await host.run(command, deadline=WITHIN)
    if done.code != 0:
        raise _refused(done.stderr.decode("utf-8", "replace").strip())


def _none() -> UserError:
    return UserError(
        text("This computer has no program that prints ({program}).", program=PROGRAM),
        text("Nothing was printed."),
        text("Set a printer up (CUPS), print from another computer that has this site, or have the page as a file."),
        "printer.none",
    )


def _refused(detail: str) -> UserError:
    return UserError(
        text("The printer did not take the page."),
        text("Nothing was printed."),
        text("Look at `lpstat -p`: choose one of its printers, or mend the one that is chosen."),
        "printer.refused",
        detail,
    )
