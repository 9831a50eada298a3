"""Findings about the names of variables: unknown, missing and repeated ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.agent import variables
from ecsauth.agent.names import in_other_letters
from ecsauth.check.found import found, title
from ecsauth.check.lines import LineKind
from ecsauth.registry.auth import DATA, TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.agent.variables import Variable
    from ecsauth.check.lines import Line
    from ecsauth.finding import Finding

_CLUSTER = "ECS_CLUSTER"
_AGENT = ("agent",)
_ECS = ("agent", "ecs-init")
_ALL = ("docker", "ecs-init", "systemd")
_JOINS_DEFAULT = "the instance joins the cluster default"
_KEYS = ("AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY")


def findings(lines: tuple[Line, ...]) -> Iterator[Finding]:
    """Yield the findings about names."""
    settings: dict[str, list[Line]] = {}
    for line in lines:
        if line.assigns:
            settings.setdefault(line.name, []).append(line)
    for same in settings.values():
        yield from _repeated(same)
        yield from _name(same[-1])
    keys = [settings[name][-1] for name in _KEYS if name in settings and settings[name][-1].value]
    if keys:
        first = min(keys, key=lambda line: line.number)
        yield found("V241", _AGENT, (first.number, first.column), variable=first.name)
    if not any(map(_lost_cluster, lines)):
        yield from _no_cluster(settings.get(_CLUSTER, []))


def _no_cluster(same: list[Line]) -> Iterator[Finding]:
    """Yield a finding if nothing sets the cluster; the last line has effect, also if its value is empty."""
    if not same:
        yield found("V201", _AGENT)
    elif not same[-1].value:
        place = (same[-1].number, same[-1].column)
        yield found("V201", _AGENT, place, variable=_CLUSTER, message="ECS_CLUSTER is empty")


def _lost_cluster(line: Line) -> bool:
    """Tell whether a faulty line, which has its own finding, was meant to set the cluster."""
    if line.assigns:
        return line.likely == _CLUSTER and bool(line.value)
    return line.kind in (LineKind.BARE, LineKind.PROSE, LineKind.SPACE_IN_NAME) and _CLUSTER in line.text.reveal()


def _repeated(same: list[Line]) -> Iterator[Finding]:
    """Yield a finding at the first line of a variable that later ones set again."""
    first, *others = same
    if others:
        code = "V251" if all(line.value == first.value for line in others) else "V250"
        message = f"{title(code)}; the agent uses line {others[-1].number}"
        yield found(code, _ALL, (first.number, first.column), variable=first.name, message=message)


def _name(line: Line) -> Iterator[Finding]:
    """Yield a finding for a name that no program reads, or that is deprecated."""
    place = (line.number, line.column)
    variable = variables.find(line.name)
    if variable is None:
        yield from _unknown(line, place)
    elif variable.meant is not None:
        message = f"the agent's documentation misspells this name; the agent reads {variable.meant}"
        yield found("V212", _ECS, place, variable=line.name, message=message, fix=f"write {variable.meant}")
    elif variable.ignored is not None:
        code = "V214" if variable.platform == "windows" else "V215"
        yield found(code, _ECS, place, variable=line.name, message=_with(code, variable.ignored, variable))
    elif variable.deprecated is not None:
        yield found("V216", _ECS, place, variable=line.name, message=_with("V216", variable.deprecated, variable))


def _with(code: str, reason: str, variable: Variable) -> str:
    """Return the title of a rule, with the catalogue's reason unless the variable is one of Windows."""
    return title(code) if variable.platform == "windows" else f"{title(code)}: {reason}"


def _unknown(line: Line, place: tuple[int, int]) -> Iterator[Finding]:
    """Yield a finding for an unknown name that begins with ECS; any other name may belong to another program."""
    if line.likely is not None:
        likely = line.likely
        code = _slip(line.name, likely)
        consequence = _JOINS_DEFAULT if likely == _CLUSTER and code == "V212" else None
        message = f"{title(code)}; the documented name is {likely}"
        fix = f"write {likely}"
        yield found(code, _ECS, place, variable=line.name, message=message, consequence=consequence, fix=fix)
    elif line.name.startswith("ECS_"):
        yield found("V213", _ECS, place, variable=line.name)


def _slip(name: str, likely: str) -> str:
    """Return the rule for a misspelt name: an error if no later agent can use that name for something else."""
    if in_other_letters(name, likely):
        return "V210"
    return "V211" if likely in (TYPE, DATA) else "V212"
