"""The agent's own answers on 127.0.0.1:51678 (amazon-ecs-agent, agent/handlers/introspection_server_setup.go)."""

from __future__ import annotations

import contextlib
import http.client
import json
from typing import Any, Optional

from ecsauth.core.agent_health import Registration
from ecsauth.core.errors import LocalError, UnreachableError
from ecsauth.core.patience import within

_PLACE = ("127.0.0.1", 51678)
_TIMEOUT = 2.0
_LONGEST_TIME = 5.0
_LONGEST_ANSWER = 4 << 20


class Introspection:
    """The agent on this machine, however it was started."""

    def registration(self) -> Optional[Registration]:
        """Return what the agent says of itself, None if it does not answer."""
        answer = _ask("/v1/metadata")
        if answer is None or not isinstance(answer.get("Cluster"), str):
            return None
        instance = answer.get("ContainerInstanceArn")
        return Registration(answer["Cluster"], instance or None, str(answer.get("Version", "")))

    def running_tasks(self) -> Optional[int]:
        """Return how many tasks the agent knows that are not stopped, None if it does not say."""
        answer = _ask("/v1/tasks")
        tasks = answer.get("Tasks") if answer else None
        if not isinstance(tasks, list):
            return None
        return sum(1 for task in tasks if isinstance(task, dict) and task.get("KnownStatus") != "STOPPED")


def _ask(path: str) -> Optional[dict[str, Any]]:
    """Return the JSON object at the path; an answer that drips escapes the socket's timeout, and not the whole one."""
    try:
        document = within(_LONGEST_TIME, lambda: _get(path), lambda: UnreachableError("the agent does not answer"))
    except (OSError, http.client.HTTPException, ValueError, RecursionError, UnreachableError, LocalError):
        return None
    return document if isinstance(document, dict) else None


def _get(path: str) -> Any:
    with contextlib.closing(http.client.HTTPConnection(*_PLACE, timeout=_TIMEOUT)) as connection:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read(_LONGEST_ANSWER))
