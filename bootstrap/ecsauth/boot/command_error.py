"""Extract the cause of a failure from the output of docker, podman, systemctl, iptables or sysctl.

The cause is rarely the last line: warnings and progress precede it, advice follows it, and the error of a daemon may
have several lines.
"""

from __future__ import annotations

import re

NO_REASON = "no reason given"
_LONGEST = 600
_GAP = " … "
# Patterns stay texts until a command fails: every boot would pay a millisecond for what it compiles.

# References, usage, warnings, progress.
_NOISE = (
    r"(?i)see (?:'|\"|system logs)|run '.*--help'|try [`'].*--help|usage:|for more information|perhaps ip6?tables"
    r"|# warning: |warning: |emulate docker cli using podman|time=\"[^\"]*\" level=(?:info|debug|warning)"
    r"|unable to find image '|trying to pull |using default tag|created symlink|removed symlink"
    r"|(?:digest|status): |[\w./-]+: pulling from |[0-9a-f]{12}: |getting image source"
    r"|copying (?:blob|config)"
)
# The start of the line that names the cause; the lines after it belong to it.
_CAUSE = (
    r"(?i)docker: |error response from daemon: |error: |failed to |job for |cannot connect to |permission denied"
    r"|initctl: |start: |stop: |ip6?tables v|sysctl: |time=\"[^\"]*\" level=(?:error|fatal)"
)
_NO_RIGHTS = r"(?i)permission denied|access denied|authentication (?:is )?required|operation not permitted|must be root"
_ERROR_OF_LOG = r"time=\"[^\"]*\" level=\w+ msg=\"?(.*?)\"?$"


def cause_of(text: str) -> str:
    """Return the cause in one line: from the line that names it to the end, else the last line that is not noise."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    told = [line for line in lines if not re.match(_NOISE, line)]
    first = next((number for number, line in enumerate(told) if re.match(_CAUSE, line)), len(told) - 1)
    said = " ".join(re.sub(_ERROR_OF_LOG, r"\1", line).removeprefix("docker: ") for line in told[max(first, 0) :])
    return shortened(said, _LONGEST) or (shortened(lines[-1], _LONGEST) if lines else NO_REASON)


def lacks_rights(text: str) -> bool:
    """Tell whether a command failed for lack of rights. docker, polkit and iptables do not show it by their status."""
    return re.search(_NO_RIGHTS, text) is not None


def shortened(text: str, longest: int) -> str:
    """Shorten a text to `longest` characters. Omit the middle: the source is at the start, the cause at the end."""
    if len(text) <= longest:
        return text
    left = longest - len(_GAP)
    head = left // 3
    return text[:head] + _GAP + text[len(text) - (left - head) :]
