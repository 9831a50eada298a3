"""Findings about the values of single variables: how the agent reads them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.agent import config, variables
from ecsauth.agent.config import ConfigVerdict, Effect
from ecsauth.agent.names import looks_secret
from ecsauth.check.found import fix_of, found, title
from ecsauth.check.lines import Line, LineKind
from ecsauth.go.values import GO_SPACE
from ecsauth.registry.auth import DATA, TYPE
from ecsauth.registry.document_problems import shell_wrote
from ecsauth.registry.meant_document import without_comment
from ecsauth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ecsauth.agent.variables import Variable
    from ecsauth.finding import Finding

_READERS = {"agent": ("agent",), "ecs-init": ("ecs-init",), "both": ("agent", "ecs-init")}
JSON_KINDS = frozenset({"json-list", "json-object"})
_JSON_SPACE = " \t\r\n"
CLUSTER = "ECS_CLUSTER"
# Texts that the agent trims: fields tagged `trim:"true"` in agent/config/types.go, and ECS_NVIDIA_RUNTIME.
_TRIMMED = frozenset({TYPE, CLUSTER, "ECS_BACKEND_HOST", "AWS_DEFAULT_REGION", "ECS_NVIDIA_RUNTIME"})
_TEXTS = frozenset({"string", "path", "string-list", "aws-sdk"})

# systemd, src/basic/env-file.c, SHELL_NEED_ESCAPE: the characters that a backslash escapes in double quotes.
_ESCAPE = r'\\(["\\`$])'
_COMMENT = r"\s#(?:\s|$|[A-Za-z])"
_REFERENCE = r"\$\{[A-Za-z_!][^{}]*\}|\$[A-Za-z_]\w*|\$\(|`[^`]*`"
# In a name, also the placeholders of other templates and of documents.
_PLACEHOLDER = _REFERENCE + r"|\{\{|<[^<>]*>|%\w+%"


class _Setting(NamedTuple):
    """A line that sets a known variable, and its value without quotes and comments."""

    line: Line
    variable: Variable
    bare: Secret

    @property
    def place(self) -> tuple[int, int]:
        return self.line.place(0)

    def found(self, code: str, message: str = "", fix: str = "", column: int = 0) -> Finding:
        """Return a finding at an offset in the value."""
        consumers = _READERS[self.variable.read_by]
        place = self.line.place(column)
        return found(code, consumers, place, variable=self.variable.name, message=message or None, fix=fix or None)


def findings(lines: tuple[Line, ...]) -> Iterator[Finding]:
    """Yield the findings about the last value of each variable."""
    last = {line.name: line for line in lines if line.assigns}
    known = ((line, variables.find(name)) for name, line in last.items())
    settings = [_Setting(line, variable, _bare(line, variable)) for line, variable in known if variable is not None]
    environment = {setting.variable.name: setting.bare.reveal() for setting in settings}
    for line in last.values():
        yield from _white_space(line, environment)
    for setting in settings:
        if setting.variable.ignored is None and setting.variable.kind != "registry-auth" and setting.line.name != TYPE:
            yield from _value(setting, environment)


def quoted(value: str) -> bool:
    """Tell whether a value has quotes around it that a shell would remove."""
    return len(value) > 1 and value[0] == value[-1] and value[0] in "'\""


def plain(value: str) -> Optional[str]:
    """Return a quoted value without its quotes, None if removing them would change it.

    A shell would also process escapes and other quotes inside, and some programs would lose white space at the ends.
    """
    inner = value[1:-1]
    is_clear = inner == inner.strip(GO_SPACE) and value[0] not in inner and not (value[0] == '"' and "\\" in inner)
    return inner if is_clear else None


def _bare(line: Line, variable: Variable) -> Secret:
    """Return the intended value: without quotes, as a shell and systemd would read it."""
    value = line.value.reveal()
    comment = _comment(value, variable)
    value = value[: comment.start()].rstrip() if comment else value
    if not quoted(value):
        return Secret(value)
    inner = value[1:-1]
    return Secret(re.sub(_ESCAPE, r"\1", inner) if value[0] == '"' and "\\" in inner else inner)


def _comment(value: str, variable: Variable) -> Optional[re.Match[str]]:
    """Return the match of a text after the value that looks like a comment."""
    if variable.kind == "registry-auth" or "#" not in value:
        return None
    match = re.search(_COMMENT, value)
    is_json = variable.kind in JSON_KINDS
    return None if match is None or (is_json and value[: match.start()].rstrip()[-1:] not in "]}'\"") else match


def _value(setting: _Setting, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield the findings about one value: first about its spelling, then about its meaning."""
    value = setting.line.value.reveal()
    if not value:
        yield from _empty(setting)
        return
    comment = _comment(value, setting.variable)
    if comment:
        is_clear = setting.variable.kind in JSON_KINDS and without_comment(value) != value
        fix = "delete the comment, or move it to a line of its own:\necsauth check --fix FILE" if is_clear else ""
        yield setting.found("V231", fix=fix, column=value.index("#", comment.start()))
        value = value[: comment.start()].rstrip()
    if quoted(value) and setting.variable.keeps_quotes:
        yield _in_quotes(setting, value)
    if setting.variable.logged and looks_secret(value):
        yield setting.found("V240")
    if "pattern" in setting.variable.parsing:
        yield from _name(setting, value)
        return
    is_open = not setting.variable.sensitive and ("$" in value or "`" in value)
    reference = re.search(_REFERENCE, value) if is_open else None
    if reference:
        yield setting.found("V232", column=reference.start())
    else:
        yield from _effect(setting, environment)


def _name(setting: _Setting, value: str) -> Iterator[Finding]:
    """Yield the finding about a name without which the instance cannot register."""
    is_told = "\r" in value or "\ufffd" in value  # F134; F104 and F105
    if is_told or re.fullmatch(setting.variable.parsing["pattern"], setting.bare.reveal()):
        return
    placeholder = re.search(_PLACEHOLDER, value)
    if placeholder:
        yield setting.found("V234", column=placeholder.start())
    else:
        accepted = setting.variable.accepted
        yield setting.found("V233", f"the value is not {accepted}", f"write {accepted}")


def _empty(setting: _Setting) -> Iterator[Finding]:
    """Yield a finding for an empty value, as a template with an unset variable writes it.

    For the agent, an empty value is mostly the same as no line (os.Getenv; config.go, Merge). But it overrides the
    value that ecs-init gives the agent (ecs-init/docker/docker.go, getContainerConfig).
    """
    variable = setting.variable
    if variable.name == CLUSTER:
        return  # V201
    if not variable.ecs_init_sets or _is_same_when_empty(variable, variable.ecs_init_sets):
        yield setting.found("V228")
        return
    place, name = setting.place, variable.name
    message = f"{title('V227')}: {variable.ecs_init_sets}"
    # One variable is read with os.LookupEnv (parse_linux.go, GetDetailedOSFamily): its empty value has an effect under
    # docker too.
    consumers = ("agent", "ecs-init") if variable.parsing.get("kept") else ("ecs-init",)
    yield found("V227", consumers, place, variable=name, message=message, consequence=_without(variable))


def _is_same_when_empty(variable: Variable, given: str) -> bool:
    """Tell whether an empty value means the same to the agent as the boolean that ecs-init would set."""
    usual = config.effect(variable.name, given, {})
    is_known = usual.effective is not None and not usual.lost
    return is_known and usual.effective == config.effect(variable.name, "", {}).effective


def _without(variable: Variable) -> Optional[str]:
    """Return the consequence of an empty value, None if that of the rule is enough."""
    said: Optional[str] = variable.parsing.get("empty")
    return said or (f"the agent uses {variable.default}" if variable.default else None)


def _in_quotes(setting: _Setting, value: str) -> Finding:
    """Return a finding for quotes that become part of the value."""
    if setting.variable.read_by != "ecs-init":
        return setting.found("V230")
    fix = "remove the quotes, and the backslashes inside them" if plain(value) is None else fix_of("V230")
    return setting.found("V226", f"{title('V226')}: the quotes around it are part of the value", fix)


def _effect(setting: _Setting, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding if the agent uses another value than the one in the file."""
    variable = setting.variable
    effect = config.effect(variable.name, setting.bare.reveal(), environment)
    code = _code(effect, variable)
    if code:
        fix = f"write {variable.accepted}" if variable.accepted and effect.lost else ""
        if effect.lost and variable.kind in JSON_KINDS and shell_wrote(variable.name, setting.line.value.reveal()):
            fix = fix_of("A331").replace(DATA, variable.name)
        yield setting.found(code, f"{title(code)}: {effect.reason}", fix)
    elif variable.read_by == "both" and effect.effective is True and setting.bare.reveal() != "true":
        yield found("V224", ("ecs-init",), setting.place, variable=variable.name)


def _code(effect: Effect, variable: Variable) -> str:
    """Return the code of the rule for an effect, empty if there is no finding."""
    if effect.verdict is ConfigVerdict.FATAL:
        return "V220"
    if effect.lost and variable.read_by == "ecs-init" and variable.kind in JSON_KINDS:
        return "V226"
    if effect.lost:
        return "V221" if effect.verdict is ConfigVerdict.QUIET else "V222"
    if not effect.reason:
        return ""
    return "V225" if effect.reason == variable.parsing.get("negative") else "V223"


def _white_space(line: Line, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a finding for white space around a value that a program keeps."""
    written, value = line.written.reveal(), line.value.reveal()
    if line.kind not in (LineKind.ASSIGNMENT, LineKind.PREFIXED) or line.joint is not None or "\r" in written:
        return
    before = len(written) - len(written.lstrip(GO_SPACE))
    behind = len(written) - len(value) - before
    variable = variables.find(line.name)
    if not (before or behind) or (variable is not None and variable.read_by == "ecs-init"):
        return
    forgiven = variable is None or _forgives(variable, written, value, environment)
    if value or not forgiven:
        consumers = ("docker", "ecs-init") if before and value else ("docker",)
        number, column = line.place(0)
        place = (number, column - before if before else column + len(value))
        yield found("F133" if forgiven else "F132", consumers, place, variable=line.name)


def _forgives(variable: Variable, written: str, value: str, environment: Mapping[str, str]) -> bool:
    """Tell whether the agent reads a value the same with and without the white space around it."""
    if variable.name in _TRIMMED:
        return True
    if variable.name == DATA:
        return written.strip(_JSON_SPACE) == value
    if variable.kind in _TEXTS:
        return False
    with_space = config.effect(variable.name, written, environment)
    return with_space == config.effect(variable.name, value, environment)
