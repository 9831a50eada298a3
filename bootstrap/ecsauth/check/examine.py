"""Find everything in an env-file that the rules cover."""

from __future__ import annotations

from enum import Enum

from ecsauth.check import credentials, file, lines, systemd, values, variables
from ecsauth.check.waivers import Acceptance
from ecsauth.finding import Finding, Severity


class Target(str, Enum):
    """The program that reads the file: docker (`--env-file`), ecs-init (with systemd for its own settings), or both."""

    DOCKER = "docker"
    ECS_INIT = "ecs-init"
    ALL = "all"


_PROGRAMS = {
    Target.DOCKER: frozenset({"docker", "agent"}),
    Target.ECS_INIT: frozenset({"ecs-init", "systemd", "agent"}),
    Target.ALL: frozenset({"docker", "ecs-init", "systemd", "agent"}),
}
# Errors for every target: docker or a later step would fail on such a file, or print a part of it.
_ALWAYS = frozenset({"F101", "F102", "F103", "F104", "F105", "F106", "F107", "F108", "F113", "F116"})
_RANKS = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


OFFER = "ecsauth check --fix FILE"
"""The line of a fix that offers `--fix`."""


def by_hand(finding: Finding) -> Finding:
    """Return the finding with a fix that does not offer `--fix`."""
    lines = finding.fix.splitlines()
    if OFFER not in lines:
        return finding
    return finding._replace(fix="\n".join(line for line in lines if line != OFFER).removesuffix(":"))


def examine(data: bytes, target: Target = Target.ALL, ignore: frozenset[str] = frozenset()) -> tuple[Finding, ...]:
    """Return all findings: errors about the whole file, then by line (the worst first), then the rest.

    `ignore` has codes of warnings and notes to leave out, in upper or lower case; errors stay. Comments in the file may
    accept warnings and notes too (see docs/rules.md). The time is linear in the size of the file; no finding has a
    value of it.
    """
    whole = file.refusal(data)
    if whole is not None:
        return (whole,)
    scanned = lines.scan(data)
    own = tuple(file.findings(data, scanned))
    if any(finding.code in {"F102", "F107"} for finding in own):
        return own
    about_values = (*values.findings(scanned), *systemd.findings(data, scanned))
    everything = _merged((*own, *variables.findings(scanned), *about_values, *credentials.findings(scanned)))
    programs = _PROGRAMS[target]
    acceptance = Acceptance(scanned, frozenset(code.upper() for code in ignore))
    concerned = [one for one in everything if one.code in _ALWAYS or programs.intersection(one.consumers)]
    kept = [one for one in (*concerned, *acceptance.findings()) if not acceptance.covers(one)]
    return tuple(sorted(kept, key=_order))


def _merged(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    """Return the findings, with one in place of two if docker's config.json was pasted unchanged, on several lines."""
    wrapper = next((one for one in findings if one.code == "A341"), None)
    lines = next((one for one in findings if one.code == "F130" and wrapper and one.variable == wrapper.variable), None)
    if wrapper is None or lines is None:
        return findings
    message = f"{lines.message}; it is a whole config.json of docker"
    both = lines._replace(message=message, fix=wrapper.fix)
    return tuple(both if one is lines else one for one in findings if one is not wrapper)


def _order(finding: Finding) -> tuple[float, int]:
    rank = _RANKS[finding.severity]
    if finding.line is None:
        return (0 if finding.severity is Severity.ERROR else float("inf")), rank
    return finding.line, rank
