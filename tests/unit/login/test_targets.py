"""Which logins an env-file asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ecsauth.errors import UsageError
from ecsauth.login.targets import Image, image, targets

HUB = "https://index.docker.io/v1/"
DIGEST = "sha256:" + "0" * 64


def file(document: Any, kind: str = "docker") -> bytes:
    """Return an env-file."""
    return f"ECS_ENGINE_AUTH_TYPE={kind}\nECS_ENGINE_AUTH_DATA={json.dumps(document)}\n".encode()


def user(name: str) -> dict[str, str]:
    """Return the fields of a login."""
    return {"username": name, "password": "p"}


SEVERAL = file({HUB: user("hub"), "r.example": user("all"), "r.example/team/": user("team")})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nginx", ("docker.io", "library/nginx", "latest")),
        ("nginx:1.27", ("docker.io", "library/nginx", "1.27")),
        ("me/app", ("docker.io", "me/app", "latest")),
        ("docker.io/nginx", ("docker.io", "library/nginx", "latest")),
        ("r.example/app", ("r.example", "app", "latest")),
        ("r.example:5000/a/b-c__d.e:1", ("r.example:5000", "a/b-c__d.e", "1")),
        (f"r.example/app@{DIGEST}", ("r.example", "app", DIGEST)),
        (f"r.example/app:1@{DIGEST}", ("r.example", "app", DIGEST)),
        ("localhost/app", ("localhost", "app", "latest")),
        ("[::1]:5000/app:1", ("[::1]:5000", "app", "1")),
    ],
)
def test_image(text: str, expected: tuple[str, str, str]) -> None:
    """Host, repository and tag or digest are docker's."""
    assert image(text) == Image(text, *expected)


@pytest.mark.parametrize(
    "text",
    ["", "App", "r.example/", "r.example/a//b", "r.example/a:", "a@", "a@sha256:0", "r.example/a b", "a/../b", "a?b=c"],
)
def test_no_image(text: str) -> None:
    """What docker would not take is refused, and so is whatever would be another path of the registry."""
    with pytest.raises(UsageError):
        image(text)


@pytest.mark.parametrize(
    ("registries", "images", "expected"),
    [
        ([], [], [(HUB, "hub", None), ("r.example", "all", None), ("r.example/team/", "team", None)]),
        (["docker.io"], [], [(HUB, "hub", None)]),
        ([HUB], [], [(HUB, "hub", None)]),
        (["r.example"], [], [("r.example", "all", None), ("r.example/team/", "team", None)]),
        (["R.example/team/"], [], [("r.example/team/", "team", None)]),
        (["docker.io"], ["nginx"], [(HUB, "hub", "nginx")]),
        (
            ["r.example"],
            ["r.example/team/a"],
            [("r.example", "all", None), ("r.example/team/", "team", "r.example/team/a")],
        ),
        (["q.example"], ["q.example/a"], [("q.example", None, "q.example/a")]),
        (["docker.io"], ["nginx", "alpine"], [(HUB, "hub", "nginx"), (HUB, "hub", "alpine")]),
    ],
)
def test_targets(registries: list[str], images: list[str], expected: list[tuple[str, str, str]]) -> None:
    """Each credential is one, with the images that the agent would send it for; nobody pulls what none is for."""
    found = targets(SEVERAL, registries, [image(text) for text in images])
    assert [(each.registry, each.username, each.image and each.image.text) for each in found] == expected


def test_an_unknown_registry_is_refused() -> None:
    """Nothing to do is no success."""
    with pytest.raises(UsageError):
        targets(SEVERAL, ["registry.example.org"])


@pytest.mark.parametrize(
    ("document", "kind", "username"),
    [
        ({"r.example": {"auth": "Ym9iOnNlY3JldA=="}}, "dockercfg", "bob"),
        ({"r.example": {"auth": "Ym9iOnNlY3JldA=="}}, "docker", None),
        ({"r.example": {"identitytoken": "t"}}, "docker", "<token>"),
    ],
)
def test_user(document: Any, kind: str, username: str) -> None:
    """Who logs in is who docker would: it decodes no `auth` of the type docker."""
    (found,) = targets(file(document, kind))
    assert found.username == username


def test_a_key_with_a_password_is_not_shown() -> None:
    """Nor is it a host."""
    (found,) = targets(file({"https://bob:secret@r.example": user("bob")}))
    assert found.shown == "***"


def test_no_credentials() -> None:
    """A file without any asks for nothing."""
    assert targets(b"ECS_CLUSTER=x\n") == ()
