"""A model of an instance, for large fleets and many rolls: it takes versions as ecsauth does, in no time.

Nothing runs: what a document is asked for is read from its script. On a `fleet_node` ecsauth runs for real.
"""

from __future__ import annotations

import json
import re
import time
from typing import Any, Callable, Optional

from ecsauth.boot.state import Ahead, Installed, Source, State
from ecsauth.boot.trust import ObjectFacts
from ecsauth.status import instance_report
from ecsauth.status.instance_report import OnDisk, Run
from fleet_node import Ran

_VERSION = re.compile(r"<<'END'\n(\S+)\nEND")
_DAY = 24 * 3600


class ModelNode:
    """An instance that has a released version. `newest` tells which one is released when it boots again.

    `fails` are the versions with which its agent does not come up. `forged` is put over its inventory.
    """

    def __init__(self, name: str, uri: str, version: str, newest: Callable[[], str]) -> None:
        self.id = name
        self.tags: dict[str, str] = {}
        self.online = self.connected = self.managed = True
        self.hangs = self.stopped = False
        self.fails: set[str] = set()
        self.forged: dict[str, str] = {}
        self._uri = uri
        self._newest = newest
        self._run = Run(int(time.time()), 0, "1.0.0")
        self.state = self._with("released", version)

    @property
    def version(self) -> Optional[str]:
        """The version that is installed."""
        return self.state.installed.facts.version_id if self.state.installed is not None else None

    @property
    def report(self) -> dict[str, Any]:
        """The report that the last run has written."""
        return instance_report.document(
            self.state, OnDisk(verified_copy=True, pre_image=False, backup=False), self._run
        )

    def inventory(self) -> Optional[dict[str, Any]]:
        """Return the inventory item of the report."""
        item: dict[str, Any] = json.loads(instance_report.inventory(self.report))
        item["Content"].update(self.forged)
        return item

    def run(self, script: str, timeout: float) -> Ran:
        """Do what the document asks for."""
        del timeout
        asked = _VERSION.search(script)
        if asked is None:
            return Ran(0, json.dumps({"schema": 1, "alarms": [], "report": self.report}), "")
        version = asked[1]
        if version in self.fails:
            self._run = Run(int(time.time()), 7, "1.0.0")
            return Ran(7, "ecsauth: error: the agent did not come up\n", "")
        self._run = Run(int(time.time()), 0, "1.0.0")
        self.state = self._with(version, self._newest())
        return Ran(0, f"ecsauth: version {version}: agent registered\n", "")

    def _with(self, version: str, newest: str) -> State:
        now, released = int(time.time()), _facts(newest)
        ahead = None if version in ("withdraw", "released") else Ahead(released, now, now + _DAY)
        facts = released if ahead is None else _facts(version)
        source = Source(self._uri, "123456789012", (), "/etc/ecs/ecs.config", (), "1")
        installed = Installed(facts, source, now, ahead=ahead)
        return State(installed=installed, applied=facts, verified=facts, confirmed_at=now)


def _facts(version: str) -> ObjectFacts:
    return ObjectFacts(f'"{version}"', int(time.time()), version, "aws:kms", "key")
