"""The output of `boot`: one line for people, a document for programs; in a rehearsal also the plan."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from ecsauth.boot import candidate, units
from ecsauth.boot.outcome import BootOutcome
from ecsauth.cli import console, findings, hints
from ecsauth.command_hint import CommandHint
from ecsauth.finding import Severity

if TYPE_CHECKING:
    import argparse

    from ecsauth.boot.outcome import BootReport
    from ecsauth.cli.persist import Beside


_FORGOTTEN = "removed the previous env-file and its copies: this instance has no file to roll back to"
_NOT_FORGOTTEN = (
    "the previous env-file was not removed: no agent has registered with the new one yet, so it may be needed to roll "
    "back; run the same command again"
)
_AGENT_LEFT = (
    "removed the previous env-file and its copies, but not the container of the previous agent, which still has the "
    "previous environment"
)


def show(report: BootReport, arguments: argparse.Namespace, beside: Beside) -> None:
    """Report the result."""
    if arguments.format == "json":
        console.show(_document(report, beside, dry_run=arguments.dry_run))
        _tell_of_the_previous(report)
        return
    # `push` has shown the notes already. If every boot of a fleet repeated them, they would hide the warnings.
    findings.tell(findings.of(report.accepted.findings, Severity.WARNING), str(arguments.uri))
    facts = report.accepted.facts
    steps = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in report.steps)
    if arguments.dry_run:
        for line in (*beside.before, *_plan_lines(report, arguments), *beside.after):
            console.say(f"would {line}")
    pending = "warning: " if report.reason else ""
    ahead = report.accepted.ahead
    which = f" (candidate, {candidate.in_words(ahead)})" if ahead is not None else ""
    said = _outcome(report, arguments)
    console.say(f"{pending}{arguments.uri} version {facts.identity}{which}: {said} ({steps})")
    if report.forgotten:
        console.say(_FORGOTTEN)
    _tell_of_the_previous(report)
    if report.reason:
        look = CommandHint("the agent keeps running; check it", "ecsauth", "status")
        console.say(f"hint: {hints.completed(look, hints.known(arguments))}")
    if report.outcome is BootOutcome.QUEUED and arguments.persist:
        console.say(f"hint: {units.VERIFY} verifies later that the agent registers: journalctl -u {units.VERIFY}")
    elif report.outcome is BootOutcome.QUEUED:
        console.say("hint: after the start run the same command to verify that the agent registers, or give --persist")


def _tell_of_the_previous(report: BootReport) -> None:
    """Warn if the previous env-file was to be removed, and something is left of it."""
    if report.forgotten is not False:
        return
    if not report.unfinished:
        console.warn(_NOT_FORGOTTEN)
    for step, reason in report.unfinished:
        console.warn(f"{_AGENT_LEFT}: {reason}")
        console.say(f"hint: {CommandHint(step.why, *step.command)}")


def _outcome(report: BootReport, arguments: argparse.Namespace) -> str:
    """Return the result as text."""
    if arguments.dry_run:
        return "nothing to do" if report.outcome is BootOutcome.UNCHANGED else "nothing was changed"
    if report.outcome is BootOutcome.PROMOTED:
        return "the candidate of this instance was released; the agent has the same bytes and was not restarted"
    if report.outcome is BootOutcome.UNCHANGED:
        return "nothing has changed" if report.accepted.stale_for is None else "not changed, because S3 is unreachable"
    if report.outcome is BootOutcome.INSTALLED:
        return f"installed as {arguments.file}"
    if report.outcome is BootOutcome.QUEUED:
        return f"installed as {arguments.file}; the service starts after cloud-init"
    if report.outcome is BootOutcome.PENDING:
        return f"installed and started, but not registered within {arguments.wait:.0f} s: {report.reason}"
    who = report.registration
    if who is None:
        return "agent started"
    version = f", {who.agent_version}" if who.agent_version else ""
    return f"agent registered in cluster {who.cluster} as {who.container_instance}{version}"


def _plan_lines(report: BootReport, arguments: argparse.Namespace) -> list[str]:
    lines = [f"install {arguments.file}, 0600"] if report.accepted.is_new else []
    if report.plan is not None:
        steps = (*report.plan.prepare, *report.plan.steps, *report.plan.finish)
        lines += [f"{step.why}: {shlex.join(step.command)}" for step in steps]
    return lines


def _document(report: BootReport, beside: Beside, *, dry_run: bool) -> dict[str, Any]:
    facts, who, plan = report.accepted.facts, report.registration, report.plan
    steps = (*plan.prepare, *plan.steps, *plan.finish) if plan else ()
    commands = [*beside.commands, *(step.command for step in steps)]
    ahead = report.accepted.ahead
    return {
        "outcome": report.outcome.value,
        "dry_run": dry_run,
        "status": int(report.exit_code),
        "uri": report.accepted.source.uri,
        "env_file": report.accepted.source.env_file,
        "object": facts._asdict(),
        "installed": report.accepted.is_new,
        "ahead": {"since": ahead.since, "until": ahead.until} if ahead is not None else None,
        "forgotten": report.forgotten,
        "stale_for": report.accepted.stale_for,
        "agent": who._asdict() if who else None,
        "reason": report.reason or None,
        "units": list(beside.units),
        "commands": commands,
        "steps": [{"name": name, "seconds": round(seconds, 3)} for name, seconds in report.steps],
        "findings": findings.document(report.accepted.findings, report.accepted.source.uri)["findings"],
    }
