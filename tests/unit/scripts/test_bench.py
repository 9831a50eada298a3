"""The parts of scripts/bench that measure nothing: the plot, the targets, the parts of a boot, and the page."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

sys.path.append(str(Path(__file__).parents[3] / "scripts"))

breakdown: Any = importlib.import_module("_bench.breakdown")
contenders: Any = importlib.import_module("_bench.contenders")
contest: Any = importlib.import_module("_bench.contest")
page: Any = importlib.import_module("_bench.page")
plot: Any = importlib.import_module("_bench.plot")
targets: Any = importlib.import_module("_bench.targets")

SVG = "{http://www.w3.org/2000/svg}"
COPY, BOOT, OLD, NEW = "aws s3 cp", "ecsauth boot", "archive, Python 3.9", "archive, Python 3.13"
# Seconds of two rounds.
WALL = {COPY: (1.0, 2.0), BOOT: (0.2, 0.4), OLD: (0.1, 0.3), NEW: (0.3, 0.5)}
PANELS = (
    plot.Panel("HTTP", (plot.Bar(COPY, 1.0, 1.0, 1.0), plot.Bar("a & <b>", 0.5, 0.25, 2.0, 0.25))),
    plot.Panel("HTTPS", (plot.Bar("s5cmd cp", 0.1, 0.05, 0.2),)),
)


@pytest.fixture
def fetched() -> Any:
    """Give a contest of which two rounds were played, with 20 MiB for each run and 40 for `aws s3 cp`."""
    played = contest.Contest("Fetch", COPY, [contest.Contender(name, ("true",)) for name in WALL], {})
    for name, seconds in WALL.items():
        memory = 1024 * (40 if name == COPY else 20)
        played.runs[name] = [contest.Run(wall, wall, memory) for wall in seconds]
        played.requests[name] = "HeadObject, GetObject" if name == COPY else "GetObject"
    return played


def texts(picture: str) -> list[str]:
    """Return what can be read in a picture; ParseError if it is not well-formed."""
    return [text.text or "" for text in ET.fromstring(picture).iter(f"{SVG}text")]  # noqa: S314 - our own


def test_plot_holds_each_row() -> None:
    """The picture is well-formed, and each row has its name, whatever is in it, and its figures."""
    found = texts(plot.svg("A title", PANELS))
    for panel in PANELS:
        assert panel.kind in found
        for bar in panel.bars:
            assert bar.name in found
            assert f"{bar.median:.2f} ({bar.least:.2f} to {bar.most:.2f})" in found


def test_plot_is_read_aloud() -> None:
    """The picture names its title and a description with all figures, targets too."""
    root = ET.fromstring(plot.svg("A title", PANELS))  # noqa: S314 - our own
    named = {element.get("id"): element.text for element in root.iter() if element.get("id")}
    assert root.get("aria-labelledby") == "title description"
    assert named["title"] == "A title"
    assert named["description"] == (
        "HTTP: aws s3 cp 1.00 (1.00 to 1.00); a & <b> 0.50 (0.25 to 2.00), target 0.25. "
        "HTTPS: s5cmd cp 0.10 (0.05 to 0.20)."
    )


def test_plot_draws_to_scale() -> None:
    """A bar is as long as its ratio, on an axis with room for the longest line."""
    root = ET.fromstring(plot.svg("A title", PANELS))  # noqa: S314 - our own
    bars = [rect for rect in root.iter(f"{SVG}rect") if rect.get("class") in ("ours", "other")]
    widths = [float(bar.get("width") or 0) for bar in bars]
    assert widths == pytest.approx([widths[0], widths[0] / 2, widths[0] / 10], abs=0.2)
    edge = float(bars[0].get("x") or 0) + 2 * widths[0]
    ranges = [line for line in root.iter(f"{SVG}line") if line.get("class") == "range"]
    assert max(float(line.get("x2") or 0) for line in ranges) == pytest.approx(edge, abs=0.2)


def test_colours_are_for_light_and_dark() -> None:
    """Every colour of the light picture has one for the dark, its background too."""
    light, _, dark = plot.svg("A title", PANELS).partition("@media (prefers-color-scheme: dark)")
    assert "class=" in dark
    for kind in (".ground", "text", ".ours", ".other", ".grid", ".one", ".range", ".halo", ".target"):
        assert f"{kind} {{" in light
        assert f"{kind} {{" in dark


def test_targets_of_fetching(fetched: Any) -> None:
    """Of several rows the worst counts; each figure stands beside what it may be at most."""
    found = targets.rows(targets.of_fetching(fetched, "HTTP", 219))
    assert found == [
        ("target", "at most", "measured", "reached"),
        ("ecsauth boot, HTTP: of aws s3 cp", "0.25", "0.20", "yes"),
        ("archive with compiled code, HTTP: of aws s3 cp", "0.22", "0.28 (archive, Python 3.13)", "no"),
        ("each boot, HTTP: peak memory", "30.0 MiB", "20.0 MiB (ecsauth boot)", "yes"),
        ("ecsauth boot, HTTP: modules loaded", "230", "219", "yes"),
        ("each boot, HTTP: requests to S3", "1", "1 (ecsauth boot)", "yes"),
    ]


def test_a_second_request_is_seen(fetched: Any) -> None:
    """A boot that asks S3 twice misses its target."""
    fetched.requests[NEW] = "HeadObject, GetObject"
    *_, requests = targets.rows(targets.of_fetching(fetched, "HTTP", 219))
    assert requests == ("each boot, HTTP: requests to S3", "1", "2 (archive, Python 3.13)", "no")


@pytest.mark.parametrize(("measured", "expected"), [(0.2, True), (0.2549, True), (0.2551, False)])
def test_target_is_compared_as_shown(measured: float, expected: bool) -> None:
    """What reads as the limit is within it."""
    assert targets.Target("boot", 0.25, measured).is_reached is expected


@pytest.mark.parametrize(
    ("name", "tls", "expected"),
    [
        ("ecsauth boot", False, 0.25),
        ("archive, Python 3.12", True, 0.28),
        ("archive from sources only, Python 3.11", False, 0.6),
        ("user data, without the boot", True, 0.15),
        ("s5cmd cp", True, None),
    ],
)
def test_target_of_a_row(name: str, tls: bool, expected: float | None) -> None:
    """Each row that is ours has a target, by how its name begins; the others have none."""
    assert targets.of_copy(name, tls=tls) == expected


def test_parts_make_up_the_whole() -> None:
    """No time of a boot is counted twice, and none is lost; what fsync takes is a part of others."""
    steps = {"fetch": 0.03, "check": 0.002, "install": 0.01}
    report = {"standard_library": 0.05, "ecsauth": 0.02, "main": 0.06, "fsync": [0.001, 0.002], "steps": steps}
    run = contest.Run(wall=0.15, cpu=0.1, memory=20_000, began=7.0)
    found = breakdown.parts(run, 0.02, {**report, "began": 7.012})
    assert found.start == pytest.approx(0.012)
    assert found.request == pytest.approx(0.01)
    assert found.command == pytest.approx(0.018)
    assert found.fsync == pytest.approx(0.003)
    assert sum(found) - found.whole - found.fsync == pytest.approx(found.whole)


def test_page_is_filled_between_its_marks() -> None:
    """What stood between the marks is replaced, and nothing else; once more, it stays the same."""
    before = "# Title\n\n<!-- scripts/bench writes from here -->\nold\n<!-- to here -->\n\nafter\n"
    filled = page.filled(before, "new\n")
    assert filled == "# Title\n\n<!-- scripts/bench writes from here -->\n\nnew\n\n<!-- to here -->\n\nafter\n"
    assert page.filled(filled, "new\n") == filled


@pytest.mark.parametrize("text", ["", "<!-- to here -->", "<!-- scripts/bench writes from here -->\n"])
def test_page_without_marks_stays(text: str) -> None:
    """A page without both marks is not written."""
    with pytest.raises(SystemExit, match="no place for the results"):
        page.filled(text, "new\n")


@pytest.mark.parametrize(
    ("rounds", "load", "expected"),
    [
        (11, 0.7, []),
        (3, 0.7, ["there were only 3 rounds"]),
        (11, 6.0, ["the machine was busy"]),
        (3, 6.0, ["there were only 3 rounds and the machine was busy"]),
    ],
)
def test_doubts(rounds: int, load: float, expected: list[str]) -> None:
    """Figures of few rounds, or of a busy machine, say that they are not to be quoted."""
    found = page.doubts(rounds, load, 2)
    assert [line.rpartition(": ")[2].rstrip(".") for line in found] == expected


def test_rows_are_left_out_loudly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without s5cmd, and without a curl that signs, there is no row for them, and one line for each says so."""
    monkeypatch.setitem(sys.modules, "s5cmd", None)
    script(tmp_path / "curl", "echo --cacert")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    assert [line.partition(" is left out: ")[0] for line in contenders.left_out()] == [
        contenders.S5CMD,
        contenders.CURL,
    ]


def test_rows_of_other_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program inside the package s5cmd is measured, not the script around it, and a curl that signs."""
    place = tmp_path / "s5cmd" / "bin"
    place.mkdir(parents=True)
    (tmp_path / "s5cmd" / "__init__.py").touch()
    script(place / "s5cmd", "exit 0")
    script(tmp_path / "curl", "echo --aws-sigv4")
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "s5cmd", raising=False)
    assert contenders.s5cmd() == str(place / "s5cmd")
    assert contenders.curl() == str(tmp_path / "curl")
    assert contenders.left_out() == []


def script(path: Path, command: str) -> None:
    """Write a program that runs one command of the shell."""
    path.write_text(f"#!/bin/sh\n{command}\n")
    path.chmod(0o755)
