"""From docker's logins to the agent's credentials."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any, Optional

import pytest
from ecsauth import envfile
from ecsauth.errors import InvalidError, LocalError, UsageError
from ecsauth.publish import import_logins
from ecsauth.registry import auth as registry_auth
from ecsauth.registry import docker_config
from ecsauth.registry import match as registry_match
from ecsauth.registry.credential import ANONYMOUS, Credential
from ecsauth.secret import Secret
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from ecsauth.publish.import_logins import Import

HUB = "https://index.docker.io/v1/"
SECRET = "hunter2hunter2"


class Keychains:
    """Helpers that keep what they are given, by name and server; one that is not there fails."""

    def __init__(self, **contents: dict[str, Credential]) -> None:
        self._contents = contents
        self.asked: list[tuple[str, str]] = []

    def servers(self, helper: str) -> tuple[str, ...]:
        """Return all servers."""
        self.asked.append((helper, ""))
        return tuple(self._of(helper))

    def credential(self, helper: str, server: str) -> Optional[Credential]:
        """Return what is kept for exactly this server."""
        self.asked.append((helper, server))
        return self._of(helper).get(server)

    def _of(self, helper: str) -> dict[str, Credential]:
        if helper not in self._contents:
            raise LocalError(f"docker-credential-{helper} is not installed", "install it", "or not")
        return self._contents[helper]


def credential(username: str = "u", password: str = SECRET) -> Credential:
    """Return a credential as docker has it."""
    return Credential(username, Secret(password))


def entry(username: str = "u", password: str = SECRET) -> dict[str, str]:
    """Return an entry of `auths`."""
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def collect(
    document: dict[str, Any], *wanted: str, kind: str = "docker", keychains: Optional[Keychains] = None
) -> Import:
    """Import a config.json."""
    config = docker_config.parse(json.dumps(document).encode())
    return import_logins.collect(config, keychains or Keychains(), kind, wanted)


def taken(made: Import) -> dict[str, Credential]:
    """Return what is imported."""
    return {one.registry: one.credential for one in made.taken}


def reasons(made: Import) -> dict[str, str]:
    """Return why something is not imported."""
    return {refusal.registry: refusal.reason for refusal in made.refusals}


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        *((name, HUB) for name in ("docker.io", "index.docker.io", "registry-1.docker.io", HUB, HUB[:-1])),
        *((name, HUB) for name in ("https://docker.io", "index.docker.io/v1/", "https://registry-1.docker.io/v2/")),
        ("r.example", "r.example"),
        ("https://r.example", "r.example"),
        ("http://r.example:5000/v2/", "r.example:5000"),
        ("R.Example", "r.example"),
        ("r.example/team", "r.example/team"),
        ("localhost", "localhost"),
        ("localhost:5000", "localhost:5000"),
        ("[::1]:5000", "[::1]:5000"),
    ],
)
def test_keys_become_those_that_the_agent_looks_up(key: str, registry: str) -> None:
    """Docker Hub's names become the one that counts; schemes and paths of the API go."""
    assert taken(collect({"auths": {key: entry()}})) == {registry: credential()}


def test_order_of_helpers_and_file() -> None:
    """A helper of the registry's own comes before the helper for all, which comes before the file."""
    document = {
        "auths": {"a.example": entry("file"), "b.example": entry("file"), "c.example": {}},
        "credsStore": "store",
        "credHelpers": {"a.example": "own", "d.example": ""},
    }
    keychains = Keychains(
        store={"https://a.example": credential("store"), "c.example": credential("store")},
        own={"a.example": credential("own")},
    )
    made = collect(document, keychains=keychains)
    assert taken(made) == {"a.example": credential("own"), "c.example": credential("store")}
    assert reasons(made) == {
        "b.example": "docker uses only docker-credential-store, which has no credential for it",
        "d.example": "its entry is empty: the credential is stored elsewhere, for example by Docker Desktop",
    }
    assert [one.helper for one in made.taken] == ["own", "store"]
    assert ("store", "https://a.example") not in keychains.asked


def test_helper_without_a_name_means_the_file() -> None:
    """An empty name in credHelpers takes one registry out of the store."""
    document = {"auths": {"r.example": entry()}, "credsStore": "store", "credHelpers": {"r.example": ""}}
    assert taken(collect(document, keychains=Keychains(store={}))) == {"r.example": credential()}


def test_only_registries_that_are_named() -> None:
    """A named registry is asked for as docker does for a pull, without a list; nobody else's password is fetched."""
    keychains = Keychains(store={HUB: credential(), "b.example": credential()}, own={})
    document = {"credsStore": "store", "credHelpers": {"c.example": "own"}}
    assert taken(collect(document, HUB, keychains=keychains)) == {HUB: credential()}
    assert keychains.asked == [("store", HUB)]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        pytest.param({"auths": {"r.example": {}}}, "its entry is empty", id="empty"),
        pytest.param({"auths": {"r.example": {"auth": "x"}}}, "its auth is not base64 of user:password", id="bad auth"),
        pytest.param({"auths": {"r.example": {"email": "e@x"}}}, "its entry is empty", id="e-mail only"),
        pytest.param({"auths": {"r.example": {**entry(), "identitytoken": "t"}}}, "an identity token", id="identity"),
        pytest.param({"auths": {"r.example": {"registrytoken": "t"}}}, "an identity token", id="registry token"),
        pytest.param({"auths": {"r.example": entry("AWS")}}, "an ECR login", id="ECR's user"),
        pytest.param({"auths": {"r.example": entry("oauth2accesstoken")}}, "Google's access token", id="Google"),
        pytest.param({"credsStore": "empty", "auths": {"r.example": {}}}, "docker uses only", id="store"),
        pytest.param({"credHelpers": {"r.example": "empty"}}, "docker-credential-empty has no", id="helper has none"),
        pytest.param({"credHelpers": {"r.example": "absent"}}, "docker-credential-absent is not", id="no helper"),
        pytest.param({"credHelpers": {"r.example": "token"}}, "an identity token", id="helper's token"),
        pytest.param(
            {"auths": {"r.example": {"username": "a:b", "password": "p"}}},
            "the user name contains a colon",
            id="colon in the user's name",
        ),
        pytest.param(
            {"auths": {"r.example": entry(password="a\0b")}}, "a user name or password contains a NUL", id="NUL"
        ),
    ],
)
def test_what_is_left_out(document: dict[str, Any], reason: str) -> None:
    """A login of no use is left out with its reason, and the others are imported; by name it is an error."""
    keychains = Keychains(empty={}, token={"r.example": Credential(identitytoken=Secret("t"))}, store={})
    if "credsStore" not in document:
        document = {**document, "auths": {**document.get("auths", {}), "other.example": entry()}}
    made = collect(document, keychains=keychains)
    assert list(taken(made)) == ([] if "credsStore" in document else ["other.example"])
    assert list(reasons(made)) == ["r.example"]
    assert made.refusals[0].reason.startswith(reason)
    assert SECRET not in repr(made)
    with pytest.raises((InvalidError, LocalError)) as raised:
        collect(document, "r.example", keychains=keychains)
    assert SECRET not in repr(raised.value)


@pytest.mark.parametrize(
    "key",
    ["r", "*.example.com", "a b.example", "", "r.example:99999", f"user:{SECRET}@r.example/\n", "a" * 5000 + ".b"],
)
def test_names_that_no_image_has(key: str) -> None:
    """No helper is asked for what cannot be a registry."""
    keychains = Keychains(own={})
    made = collect({"credHelpers": {key: "own"}}, keychains=keychains)
    assert not made.taken
    assert [refusal.reason for refusal in made.refusals] == [
        "docker-credential-own has no credential for it"
        if "@r.example" in key
        else "this is not a registry: no image name can contain it"
    ]
    assert SECRET not in repr(made)


def test_ecr_is_not_even_asked_for() -> None:
    """The helper of ECR would go to AWS for a token that is of no use."""
    keychains = Keychains()
    made = collect({"credHelpers": {"111122223333.dkr.ecr.eu-west-1.amazonaws.com": "ecr-login"}}, keychains=keychains)
    assert list(reasons(made).values()) == ["ECR logins expire after 12 hours"]
    assert keychains.asked == []


def test_helper_for_all_fails() -> None:
    """If the store does not say what it has, nothing is imported."""
    with pytest.raises(LocalError, match="docker-credential-absent is not installed"):
        collect({"credsStore": "absent", "credHelpers": {"a.example": "own"}}, keychains=Keychains(own={}))


def test_registry_that_docker_does_not_know() -> None:
    """A named registry without a login is an error."""
    with pytest.raises(InvalidError, match=r"there is no docker login for r\.example"):
        collect({"auths": {"other.example": entry()}}, "r.example")


@pytest.mark.parametrize(
    ("keys", "is_conflict"),
    [
        ((HUB, "docker.io"), True),
        (("docker.io", "https://index.docker.io/v1"), True),
        (("https://r.example", "https://r.example/v1/"), True),
        (("https://r.example", "r.example"), False),
        (("https://r.example", "https://r.example/v1/", "r.example"), False),
        (("r.example", "r.example/team"), False),
    ],
)
def test_two_names_of_one_registry(keys: tuple[str, ...], is_conflict: bool) -> None:
    """With different credentials they are a conflict, unless docker asks for one by its very name."""
    different = {"auths": {key: entry(f"user{number}") for number, key in enumerate(keys)}}
    alike = {"auths": dict.fromkeys(keys, entry())}
    assert set(taken(collect(alike)).values()) == {credential()}
    if is_conflict:
        with pytest.raises(InvalidError, match=r"are the same registry, .*, with different credentials") as raised:
            collect(different)
        assert all(key in raised.value.message for key in keys)
    else:
        assert taken(collect(different))["r.example"] == credential(f"user{keys.index('r.example')}")


def test_other_spelling_that_is_of_no_use() -> None:
    """An empty entry beside a good one of the same registry is no news."""
    made = collect({"auths": {HUB: entry(), "docker.io": {}}}, HUB)
    assert (taken(made), made.refusals) == ({HUB: credential()}, ())


def test_names_on_the_command_line() -> None:
    """--registry takes what people call a registry."""
    assert import_logins.registry("docker.io") == HUB
    assert import_logins.registry("https://R.example:5000/v2/") == "r.example:5000"
    for text in ("nginx", "", "a b"):
        with pytest.raises(UsageError):
            import_logins.registry(text)


HOSTS = ("docker.io", "a.example", "b.example:5000", "localhost")
_TEXT = st.text(min_size=1, max_size=8).filter(lambda text: text.isprintable() or "\u2028" in text)
_USERS = _TEXT.filter(lambda text: ":" not in text)
_KEYS = st.one_of(
    st.just(HUB),
    st.sampled_from(HOSTS[1:]),
    st.sampled_from(
        [f"{scheme}{host}{path}" for scheme in ("https://", "") for host in HOSTS[1:] for path in ("", "/v1/")]
    ),
)
_CREDENTIALS = st.builds(credential, _USERS, _TEXT)
_STORES = st.dictionaries(st.sampled_from([HUB, *HOSTS[1:]]), _CREDENTIALS, max_size=3)


def docker_sends(
    auths: dict[str, Credential], document: dict[str, Any], stores: dict[str, dict[str, Credential]], host: str
) -> list[Credential]:
    """Return what docker may send for a pull from a host.

    Written after docker/cli: GetCredentialsStore, fileStore.Get and nativeStore.Get, and the key of a pull,
    https://index.docker.io/v1/ for Docker Hub, else the host.
    """
    key = HUB if host == "docker.io" else host
    helper = document["credHelpers"].get(key, document.get("credsStore", ""))
    if helper:
        return [stores[helper].get(key, ANONYMOUS)]
    if key in auths:
        return [auths[key]]
    same = [each for name, each in auths.items() if name.split("://")[-1].split("/")[0] == key]
    return same or [ANONYMOUS]


@given(data=st.data(), kind=st.sampled_from(["docker", "dockercfg"]))
def test_agent_sends_what_docker_would(data: st.DataObject, kind: str) -> None:
    """For every registry, whatever the file and the helpers say, the agent has after the import what docker has."""
    auths = data.draw(st.dictionaries(_KEYS, _CREDENTIALS, max_size=4))
    stores = {"one": data.draw(_STORES), "two": data.draw(_STORES)}
    names = st.sampled_from(["one", "two"])
    document: dict[str, Any] = {
        "auths": {key: entry(each.username, each.password.reveal()) for key, each in auths.items()},
        "credHelpers": data.draw(st.dictionaries(st.sampled_from([HUB, *HOSTS[1:]]), names, max_size=2)),
        **data.draw(st.fixed_dictionaries({}, optional={"credsStore": names})),
    }
    expected = {host: docker_sends(auths, document, stores, host) for host in HOSTS}
    try:
        made = collect(document, kind=kind, keychains=Keychains(**stores))
    except InvalidError:
        assert any(len(set(each)) > 1 for each in expected.values())
        return
    lines = envfile.docker(import_logins.fresh(kind, taken(made))).environment()
    auth = registry_auth.parse(lines["ECS_ENGINE_AUTH_TYPE"].reveal(), lines["ECS_ENGINE_AUTH_DATA"].reveal())
    for host, credentials in expected.items():
        match = registry_match.match(auth, f"{host}/team/app:1")
        assert match.deterministic
        assert match.candidates[0][1] in credentials
