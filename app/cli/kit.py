"""`kit`: the recovery kit of a site, its printed page, and what is known of both."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from app.assembly import Overwinter
from app.cli.session import DONE, EXIT_OF_OUTCOME, FAILED, Session, pass_session
from app.foundation.errors import Problem, UserError
from app.foundation.events import Outcome
from app.foundation.words import Text, text
from app.jobs.kit.make import not_inside
from app.jobs.kit.state import KitState
from app.jobs.kit.trial import TrialState
from app.jobs.plan import Plan
from app.settings.check_characters import Mistake, mistakes
from app.settings.passphrases import new_passphrase

LONGEST_INPUT = 64 * 1024


@click.group()
def kit() -> None:
    """The recovery kit: a sealed file and a printed page that bring a site back on an empty computer."""


@kit.command()
@click.argument("site")
@click.argument("target", type=click.Path(path_type=Path))
@click.option("--generate", is_flag=True, help="Make a strong passphrase and show it once.")
@pass_session
def make(session: Session, site: str, target: Path, *, generate: bool) -> None:
    """Seal everything SITE needs into the new file TARGET. The passphrase comes on standard input, or is asked for."""
    place = Path.cwd() / target

    async def work(app: Overwinter) -> int:
        passphrase = new_passphrase() if generate else _passphrase("New passphrase of the kit", new=True)
        plan = await app.kits.plan_kit(site, place, passphrase)
        run, _ = await session.follow(app, plan)
        outcome, content = run.outcome or Outcome.INTERRUPTED, plan.state.content
        missing = not_inside(await app.sites.get(site), [] if content is None else list(content.secrets))
        result: dict[str, object] = {"run": run.id, "status": outcome.value, "kit": run.id, "file": str(place)}
        result |= {"error": run.error, "not_inside": missing}
        if content is not None:
            result |= {"repository_opened": content.repository_id != "", "secrets": list(content.secrets)}
            result |= {"passphrase": passphrase} if generate else {}
        session.output.result(result, _made(place, passphrase if generate else "", missing) if content else [])
        _problem(session, run.error)
        return EXIT_OF_OUTCOME[outcome]

    session.perform(work)


def _made(place: Path, generated: str, missing: list[Text]) -> list[Text]:
    said = [text("The kit is sealed: {file}", file=str(place))]
    if generated:
        said.append(text("Its passphrase: {passphrase}", passphrase=generated))
        said.append(text("Write it down; it is stored nowhere, and without it the kit is worthless."))
    said += [text("Not in the kit: {what}", what=one) for one in missing]
    said.append(text("Next: put it away off this computer, apart from its passphrase, then: overwinter kit stored"))
    return said


@kit.command("open")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--replace", is_flag=True, help="Put what is in the kit in the place of what is here and differs.")
@pass_session
def open_(session: Session, file: Path, *, replace: bool) -> None:
    """Bring the site of a kit here: its settings, its secrets, the keys of its servers."""
    place = Path.cwd() / file

    async def work(app: Overwinter) -> None:
        brought = await app.kits.open(place, _passphrase("Passphrase of the kit"), replace=replace)
        said = [text("Site {site} is here, with {count} secrets.", site=brought.site, count=len(brought.secrets))]
        said += [text("Replaced: {name}", name=name) for name in brought.replaced]
        said.append(text("Next: overwinter points {site}", site=brought.site))
        session.output.result(brought, said)

    session.perform(work)


@kit.command()
@click.argument("file", type=click.Path(path_type=Path))
@pass_session
def test(session: Session, file: Path) -> None:
    """Open the kit, compare it with what is stored here, and open the repository with what is in it."""
    place = Path.cwd() / file

    async def work(app: Overwinter) -> int:
        plan = await app.kits.plan_test(place, _passphrase("Passphrase of the kit"))
        return await _tried(session, app, plan)

    session.perform(work)


@kit.command()
@click.argument("site")
@pass_session
def compare(session: Session, site: str) -> None:
    """Compare the newest kit with what is stored here, by fingerprints: without the kit and its passphrase."""

    async def work(app: Overwinter) -> int:
        return await _tried(session, app, await app.kits.plan_comparison(site))

    session.perform(work)


async def _tried(session: Session, app: Overwinter, plan: Plan[TrialState]) -> int:
    run, _ = await session.follow(app, plan)
    outcome, found = run.outcome or Outcome.INTERRUPTED, plan.state
    result: dict[str, object] = {"run": run.id, "status": outcome.value, "kit": found.kit, "site": plan.site.name}
    result |= {"made": found.made, "repository": found.outcome, "stale": list(found.stale), "error": run.error}
    fine = [text("The kit agrees with what is stored here, and the repository opens.")]
    session.output.result(result, fine if outcome is Outcome.SUCCESS else [])
    _problem(session, run.error)
    return EXIT_OF_OUTCOME[outcome]


@kit.command()
@click.argument("site")
@click.option("--where", required=True, help="Where it is now, such as: safe in the office.")
@pass_session
def stored(session: Session, site: str, where: str) -> None:
    """Say that the newest kit is put away off this computer."""

    async def work(app: Overwinter) -> None:
        _status(session, await app.kits.stored(site, where))

    session.perform(work)


@kit.command()
@click.argument("site")
@pass_session
def status(session: Session, site: str) -> None:
    """What is known of the newest kit, and what there is to do about it."""

    async def work(app: Overwinter) -> None:
        _status(session, await app.kits.state(site))

    session.perform(work)


def _status(session: Session, state: KitState) -> None:
    shown = {name: getattr(state, name) for name in state.__struct_fields__ if name != "fingerprints"}
    moment = session.output.moment
    said = [] if state.made is None else [text("Kit made {when}", when=moment(state.made))]
    if state.stored is not None:
        said.append(text("Put away {when}: {where}", when=moment(state.stored), where=state.stored_where))
    said += [text("Compared {when}", when=moment(state.compared))] if state.compared else []
    said += [text("Opened and tested {when}", when=moment(state.tested))] if state.tested else []
    session.output.result(shown, [*said, *(state.said or [text("Nothing to do.")])])


@kit.command()
@click.argument("site")
@click.option("--print", "printing", is_flag=True, help="Print it.")
@click.option("--printer", default="", help="The printer's name; else the one the system prefers.")
@click.option("--to", "target", type=click.Path(path_type=Path), help="Write it into a new file (.pdf or .txt).")
@click.option("--confirm", default="", help='What has to be typed for a file: "CLEAR PAGE <SITE>".')
@pass_session
def page(session: Session, site: str, target: Path | None, printer: str, confirm: str, *, printing: bool) -> None:
    """The page to lock away: the repository's address and password in clear, and plain restic commands in order."""
    if printing == (target is not None):
        raise click.UsageError("Choose one of --print and --to FILE.")
    language = session.output.language

    async def work(app: Overwinter) -> None:
        if target is None:
            await app.kits.print_page(site, language, printer)
            session.output.result({"printed": True}, [text("The page is with the printer. Fetch it at once.")])
        else:
            place = Path.cwd() / target
            await app.kits.save_page(site, place, confirm, language)
            said = text("The page is in {file}. Print it, then remove the file.", file=str(place))
            session.output.result({"printed": False, "file": str(place)}, [said])

    session.perform(work)


@kit.command()
@click.argument("file", type=click.Path(path_type=Path), required=False)
@pass_session
def typed(session: Session, file: Path | None) -> None:
    """Check lines typed from a printed page, each with its mark at the end; from FILE or standard input."""

    async def work(_app: Overwinter) -> int:
        lines = _lines(file)
        wrong = mistakes(lines)
        session.output.result(
            {"lines": sum(1 for line in lines if line.strip()), "wrong": wrong},
            [_said(one) for one in wrong] or [text("All lines are as printed.")],
        )
        return FAILED if wrong else DONE

    session.perform(work)


def _said(mistake: Mistake) -> Text:
    line, number = mistake.line, f"{mistake.number:02d}"
    match mistake.why:
        case "no-mark":
            return text("Line {line}: its mark (#{number}-…) is missing at the end.", line=line, number=number)
        case "out-of-order":
            return text("Line {line}: #{number} should stand here.", line=line, number=number)
        case _:
            return text("Line {line} (#{number}) is mistyped.", line=line, number=number)


def _lines(file: Path | None) -> list[str]:
    try:
        content = sys.stdin.buffer.read(LONGEST_INPUT) if file is None else file.read_bytes()[:LONGEST_INPUT]
    except OSError as error:
        raise UserError(
            text("The file {file} cannot be read.", file=str(file)),
            text("Nothing was checked."),
            text("Check the path and the rights of the file."),
            "usage.kit-typed-unreadable",
            str(error),
        ) from error
    return content.decode("utf-8", "replace").splitlines()


def _passphrase(question: str, *, new: bool = False) -> str:
    """From standard input, one newline at its end dropped; asked for, unseen, at a terminal."""
    if sys.stdin.isatty():
        return str(click.prompt(question, hide_input=True, confirmation_prompt=new, err=True))
    try:
        return sys.stdin.buffer.read(LONGEST_INPUT).decode("utf-8").removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError as error:
        raise UserError(
            text("The passphrase is not UTF-8 text."),
            text("Nothing was done."),
            text("Give it as text on standard input."),
            "usage.kit-passphrase-not-text",
        ) from error


def _problem(session: Session, error: Problem | None) -> None:
    if error is not None and not session.output.json:
        session.output.problem(error)
