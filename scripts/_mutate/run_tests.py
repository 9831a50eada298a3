"""Runs pytest for scripts/mutate, in a process of its own: `python run_tests.py ORDER ARGUMENT...`.

ORDER is a JSON file: `tests`, which are to run, in this order, or null for all; `folder`, where lines are measured to,
or null; `outcomes`, a file that gets one line of JSON for each test that ended.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

# Not in the path of what it runs, which is a copy of the tree.
sys.path[0] = str(Path(__file__).resolve().parents[1])
from _mutate import measure  # noqa: E402 - after the path is set

sys.path[0] = str(Path.cwd())
import pytest  # noqa: E402 - as `python -m pytest` finds it

if TYPE_CHECKING:
    from collections.abc import Iterator

# As --import-mode=importlib names the modules of the tests.
_OURS = ("ecsauth.", "tests.")


class Chosen:
    """Keeps the tests that are to run, in their order."""

    def __init__(self, tests: list[str]) -> None:
        self._rank = {test: number for number, test in enumerate(tests)}

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        here = {item.nodeid for item in items}
        # A mutant may change what a test is called, by its parameters: then all of its file run, at the end.
        unsure = {test.partition("::")[0] for test in self._rank if test not in here}
        kept = [item for item in items if item.nodeid in self._rank or item.nodeid.partition("::")[0] in unsure]
        items[:] = sorted(kept, key=lambda item: self._rank.get(item.nodeid, len(self._rank)))


class Outcomes:
    """Notes how each test ended, and how long it took."""

    def __init__(self, path: str) -> None:
        self._file = Path(path).open("w", encoding="utf-8")  # noqa: SIM115 - until the process ends
        self._seconds: dict[str, float] = {}
        self._outcome: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        test = report.nodeid
        self._seconds[test] = self._seconds.get(test, 0.0) + report.duration
        if self._outcome.get(test, "passed") == "passed":
            self._outcome[test] = report.outcome
        if report.when == "teardown":
            self._note(test, self._outcome.pop(test), self._seconds.pop(test))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self._note(report.nodeid, "failed", 0.0)

    def _note(self, test: str, outcome: str, seconds: float) -> None:
        self._file.write(json.dumps({"test": test, "outcome": outcome, "seconds": round(seconds, 3)}) + "\n")
        self._file.flush()


class Measured:
    """Tells the lines of one test from those of the next."""

    def __init__(self, folder: str) -> None:
        self._folder, self._test = folder, ""
        self._loaded = 0
        self._caches: list[Any] = []
        self._measuring: Any = measure.start(folder)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        self._clear_caches()
        self._test = item.nodeid
        self._switch(self._test)
        try:
            return (yield)
        finally:
            self._switch("")

    @pytest.hookimpl(wrapper=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> Iterator[None]:
        if fixturedef.scope == "function":
            return (yield)
        # What such a fixture runs, it runs for every test of the file.
        self._switch(self._test.partition("::")[0] + measure.WHOLE_FILE)
        try:
            return (yield)
        finally:
            self._switch(self._test)

    def pytest_unconfigure(self) -> None:
        self._measuring.stop()
        self._measuring.save()

    def _clear_caches(self) -> None:
        """Empty the caches of the program and of the tests: what one test puts there, the next would not run."""
        if self._loaded != len(sys.modules):
            self._loaded = len(sys.modules)
            ours = (vars(module) for name, module in list(sys.modules.items()) if name.startswith(_OURS))
            self._caches = [thing for names in ours for thing in names.values() if hasattr(type(thing), "cache_clear")]
        for cache in self._caches:
            cache.cache_clear()

    def _switch(self, test: str) -> None:
        measure.name_test(self._folder, test)
        self._measuring.switch_context(test)


def main(path: str, *arguments: str) -> int:
    """Run the tests of an order; return pytest's exit status."""
    order = json.loads(Path(path).read_text(encoding="utf-8"))
    plugins: list[object] = [Outcomes(order["outcomes"])]
    if order["tests"] is not None:
        plugins.append(Chosen(order["tests"]))
    if order["folder"] is not None:
        plugins.append(Measured(order["folder"]))
    return int(pytest.main(list(arguments), plugins=plugins))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
