"""Which credentials the agent can send for an image."""

from __future__ import annotations

import itertools
from typing import Optional

import pytest
from ecsauth.registry import auth as registry_auth
from ecsauth.registry import match as registry_match
from ecsauth.registry.auth import RegistryAuth
from ecsauth.registry.credential import ANONYMOUS, Credential, Entry
from ecsauth.registry.keys import strip_scheme
from ecsauth.registry.match import MatchStepKind
from hypothesis import given
from hypothesis import strategies as st

_HUB = "https://index.docker.io/v1/"


def _auth(*keys: str) -> RegistryAuth:
    """Make entries whose user names are their keys."""
    return RegistryAuth(
        "docker",
        tuple(Entry(key, strip_scheme(key), Credential(username=key), column) for column, key in enumerate(keys, 1)),
    )


def _users(keys: list[str], image: str) -> set[Optional[str]]:
    """Return the keys of the candidates; None is an anonymous pull without any entry."""
    return {entry and entry.key for entry, _ in registry_match.match(_auth(*keys), image).candidates}


@pytest.mark.parametrize(
    ("image", "host"),
    [
        ("nginx", "docker.io"),
        ("nginx:1.25", "docker.io"),
        ("library/nginx", "docker.io"),
        ("a/b/c", "docker.io"),
        ("", "docker.io"),
        ("/", "docker.io"),
        (":", "docker.io"),
        (":tag", "docker.io"),
        ("myhost/app", "docker.io"),
        ("LOCALHOST/app", "docker.io"),
        ("localhost", "docker.io"),
        ("localhost/app", "localhost"),
        ("localhost:5000", "docker.io"),
        ("localhost:5000/app", "localhost:5000"),
        ("myhost:5000/app:1", "myhost:5000"),
        ("reg.example.com", "docker.io"),
        ("reg.example.com/", "reg.example.com"),
        ("reg.example.com:5000", "docker.io"),
        ("reg.example.com/a:1", "reg.example.com"),
        ("reg.example.com/a@sha256:00", "reg.example.com"),
        ("reg.example.com/a:1@sha256:00", "reg.example.com"),
        ("ubuntu@sha256:00", "docker.io"),
        ("Reg.Example.com/a", "Reg.Example.com"),
        ("[::1]:5000/a", "[::1]:5000"),
        ("[::1]", "docker.io"),
        ("2001:db8::1/a", "2001:db8::1"),
        ("https://reg.example.com/a", "https:"),
        ("docker.io/library/nginx", "docker.io"),
        ("index.docker.io/library/nginx", "index.docker.io"),
    ],
)
def test_host_of_an_image(image: str, host: str) -> None:
    """The tag goes first, then the first part is a host if it looks like one and something follows it."""
    assert registry_match.image_host(image) == host


@pytest.mark.parametrize(
    ("keys", "image", "expected"),
    [
        pytest.param([], "nginx", {None}, id="nothing"),
        pytest.param([_HUB], "nginx", {_HUB}, id="hub"),
        pytest.param(["index.docker.io/v1/"], "docker.io/a/b", {"index.docker.io/v1/"}, id="hub-without-scheme"),
        pytest.param([_HUB], "registry-1.docker.io/a/b", {_HUB}, id="hub-host"),
        pytest.param([_HUB], "Docker.io/a/b", {None}, id="hub-host-in-capitals"),
        pytest.param([_HUB], "registry.hub.docker.com/a/b", {None}, id="hub-host-by-another-name"),
        pytest.param(["docker.io", "https://index.docker.io/v1"], "docker.io/a", {None}, id="hub-alias"),
        pytest.param(
            ["http://index.docker.io/v1/", _HUB], "a", {"http://index.docker.io/v1/", _HUB}, id="hub-collision"
        ),
        pytest.param(["reg.io"], "reg.io/a", {"reg.io"}, id="host"),
        pytest.param(["reg.io"], "reg.io:5000/a", {None}, id="other-port"),
        pytest.param(["reg.io"], "REG.io/a", {None}, id="capitals"),
        pytest.param(["reg.io", "reg.io/t"], "reg.io/a", {"reg.io"}, id="default"),
        pytest.param(["reg.io", "reg.io/t"], "reg.io/team", {"reg.io/t"}, id="prefix-without-boundary"),
        pytest.param(["reg.io/t/", "reg.io"], "reg.io/team", {"reg.io"}, id="prefix-with-boundary"),
        pytest.param(["reg.io", "reg.io/t", "reg.io/t/s"], "reg.io/t/s/a", {"reg.io/t/s"}, id="longest"),
        pytest.param(["reg.io", "reg.io/t:v2"], "reg.io/t:v2.1", {"reg.io/t:v2"}, id="tag-is-part-of-it"),
        pytest.param(["reg.io/"], "reg.io/a", {"reg.io/"}, id="only-key-that-fits"),
        pytest.param(["reg.io/t"], "reg.io/a", {"reg.io/t"}, id="only-key-that-does-not-fit"),
        pytest.param(["reg.io/t", "reg.io/o"], "reg.io/a", {"reg.io/t", "reg.io/o"}, id="none-fits"),
        pytest.param(["reg.io/t", "reg.io/o"], "reg.io/t", {"reg.io/t", "reg.io/o"}, id="one-fits"),
        pytest.param(["reg.io/long", "reg.io/o"], "reg.io/long", {"reg.io/long"}, id="longest-fits"),
        pytest.param(["reg.io/long", "reg.io/o"], "reg.io/o", {"reg.io/long", "reg.io/o"}, id="shortest-fits"),
        # Go compares bytes: e with an accent is two of them.
        pytest.param(
            ["reg.io/\u00e9\u00e9", "reg.io/abc"], "reg.io/abc", {"reg.io/\u00e9\u00e9", "reg.io/abc"}, id="bytes"
        ),
        pytest.param(
            ["http://reg.io", "https://reg.io"], "reg.io/a", {"http://reg.io", "https://reg.io"}, id="collision"
        ),
        pytest.param(["http://reg.io/t", "https://reg.io"], "reg.io/t", {"http://reg.io/t"}, id="schemes"),
        pytest.param([""], "/a", {None}, id="empty-key"),
        pytest.param(["https:"], "https://reg.io/a", {"https:"}, id="scheme-in-the-image"),
    ],
)
def test_candidates(keys: list[str], image: str, expected: set[Optional[str]]) -> None:
    """Each rule of the lookup, and each of its oddities."""
    assert _users(keys, image) == expected
    assert registry_match.match(_auth(*keys), image).deterministic == (len(expected) == 1)


def _as_the_agent_does(entries: tuple[Entry, ...], keys: tuple[str, ...], image: str) -> Credential:
    """Look up like GetAuthconfig, for one order of walking the entries and one of walking the keys."""
    stored = {entry.registry: entry.credential for entry in entries}
    host = registry_match.image_host(image)
    if host in ("docker.io", "index.docker.io", "registry-1.docker.io"):
        return stored.get("index.docker.io/v1/", ANONYMOUS)
    longest = host if host in stored else ""
    for key in keys:
        if key.split("/")[0] == host and (
            not longest or (len(key.encode()) > len(longest.encode()) and image.startswith(key))
        ):
            longest = key
    return stored.get(longest, ANONYMOUS)


_PATHS = ["", "/", "/a", "/ab", "/a/", "/a/b", "/b", "/\u00e9"]
_KEYS = st.sampled_from(
    [scheme + "r.io" + path for path in _PATHS for scheme in ("", "https://")]
    + [_HUB, "http://index.docker.io/v1/", "docker.io"]
)
_IMAGES = st.sampled_from(
    ["r.io" + path + more for path in _PATHS for more in ("", "c", "/c:1")] + ["a", "docker.io/a"]
)


@given(keys=st.lists(_KEYS, unique=True, max_size=4), image=_IMAGES)
def test_agrees_with_every_order_of_the_map(keys: list[str], image: str) -> None:
    """The candidates are what trying all orders of both walks gives."""
    auth = _auth(*keys)
    registries = tuple({entry.registry for entry in auth.entries})
    tried = {
        _as_the_agent_does(entries, walked, image)
        for entries in itertools.permutations(auth.entries)
        for walked in itertools.permutations(registries)
    }
    match = registry_match.match(auth, image)
    assert {credential for _, credential in match.candidates} == tried
    assert match.deterministic == (len(tried) == 1)


def test_equal_credentials_are_not_random() -> None:
    """Where every candidate is the same credential, the answer is certain; all the entries are still given."""
    auth = registry_auth.parse("dockercfg", '{"r.io/a":{"auth":"dTpw"},"r.io/b":{"auth":"dTpw"}}')
    match = registry_match.match(auth, "r.io/c")
    assert match.deterministic
    assert [entry and entry.key for entry, _ in match.candidates] == ["r.io/a", "r.io/b"]


def test_empty_entry_is_a_candidate() -> None:
    """An entry without credentials wins like any other, and the pull is anonymous."""
    auth = registry_auth.parse("docker", '{"r.io":{"username":"u","password":"p"},"r.io/a":{}}')
    match = registry_match.match(auth, "r.io/a")
    assert match.candidates == ((auth.entries[1], ANONYMOUS),)


@pytest.mark.parametrize(
    ("keys", "image", "steps"),
    [
        ([], "nginx", [(MatchStepKind.HOST, "docker.io"), (MatchStepKind.HUB_KEY_ABSENT, "index.docker.io/v1/")]),
        ([_HUB], "nginx", [(MatchStepKind.HOST, "docker.io"), (MatchStepKind.HUB_KEY, "index.docker.io/v1/")]),
        (["a.io"], "r.io/a", [(MatchStepKind.HOST, "r.io"), (MatchStepKind.NO_KEY, "r.io")]),
        (
            ["r.io"],
            "r.io/a",
            [(MatchStepKind.HOST, "r.io"), (MatchStepKind.HOST_KEY, "r.io"), (MatchStepKind.ONLY_KEY, "r.io")],
        ),
        (
            ["r.io", "r.io/a", "r.io/b", "http://r.io/a"],
            "r.io/a",
            [
                (MatchStepKind.HOST, "r.io"),
                (MatchStepKind.HOST_KEY, "r.io"),
                (MatchStepKind.PREFIX, "r.io/a"),
                (MatchStepKind.OTHER_PATH, "r.io/b"),
                (MatchStepKind.LONGEST_PREFIX, "r.io/a"),
                (MatchStepKind.COLLISION, "r.io/a"),
            ],
        ),
        (
            ["r.io/a", "r.io/b"],
            "r.io/a",
            [
                (MatchStepKind.HOST, "r.io"),
                (MatchStepKind.HOST_KEY_ABSENT, "r.io"),
                (MatchStepKind.PREFIX, "r.io/a"),
                (MatchStepKind.OTHER_PATH, "r.io/b"),
                (MatchStepKind.MAP_ORDER, "r.io/a"),
                (MatchStepKind.MAP_ORDER, "r.io/b"),
            ],
        ),
    ],
)
def test_steps(keys: list[str], image: str, steps: list[tuple[MatchStepKind, str]]) -> None:
    """The lookup is told step by step."""
    assert list(registry_match.match(_auth(*keys), image).steps) == steps


def test_a_thousand_registries() -> None:
    """Many keys of one host, none of them the bare host: every one of them that is long enough is found at once."""
    keys = [f"r.io/{number:04}" for number in range(1000)]
    assert len(_users(keys, "r.io/0500/app")) == len(keys)
    assert _users([*keys, "r.io/0500/"], "r.io/0500/app") == {"r.io/0500/"}
    assert _users([*keys, "r.io"], "r.io/0500/app") == {"r.io/0500"}


@given(image=st.text(), keys=st.lists(st.text()))
def test_no_image_crashes(image: str, keys: list[str]) -> None:
    """Any image and any keys give at least one candidate."""
    match = registry_match.match(_auth(*keys), image)
    assert match.candidates
    assert match.steps[0] == (MatchStepKind.HOST, match.host)
