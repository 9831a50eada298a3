"""A secret of the env-file is seen nowhere but in the env-file and its private copies."""

from __future__ import annotations

import base64
import json
import os
import sys
from typing import TYPE_CHECKING, Callable

import canary as canaries
import program
import pytest
import stand_in_image
from machine import FIRST, KEY, REGISTRY, auth_file
from s3_server import ACCESS_KEY, REGION, SECRET_KEY

if TYPE_CHECKING:
    from pathlib import Path

    from canary import Canary, Recorder
    from machine import Machine

Make = Callable[[str], bytes]


def auth(kind: str, data: object, *more: str) -> bytes:
    """Return an env-file with the document, or the text, as its ECS_ENGINE_AUTH_DATA."""
    text = data if isinstance(data, str) else json.dumps(data)
    lines = ("ECS_CLUSTER=demo", f"ECS_ENGINE_AUTH_TYPE={kind}", f"ECS_ENGINE_AUTH_DATA={text}", *more)
    return "".join(f"{line}\n" for line in lines).encode()


def encoded(text: str) -> str:
    """Return the text in base64."""
    return base64.b64encode(text.encode()).decode()


# Where the file is taken, with a warning perhaps.
TAKEN: dict[str, Make] = {
    "password": auth_file,
    "user name": lambda it: auth("docker", {REGISTRY: {"username": it, "password": "p"}}),
    "base64": lambda it: auth("dockercfg", {REGISTRY: {"auth": encoded(f"fleet:{it}"), "email": "a@example.com"}}),
    "identity token": lambda it: auth("docker", {REGISTRY: {"username": "u", "identitytoken": it}}),
    "registry token": lambda it: auth("docker", {REGISTRY: {"username": "u", "password": "p", "registrytoken": it}}),
    "e-mail address": lambda it: auth("docker", {REGISTRY: {"username": "u", "password": "p", "email": it}}),
    "unknown field": lambda it: auth("docker", {REGISTRY: {"username": "u", "password": "p", "secret": it}}),
    "another variable": lambda it: auth_file("p", f"MY_TOKEN={it}"),
    "proxy": lambda it: auth_file("p", f"HTTP_PROXY=http://user:{it}@proxy.example.com:3128"),
    "boolean": lambda it: auth_file("p", f"ECS_ENABLE_TASK_IAM_ROLE={it}"),
    "number": lambda it: auth_file("p", f"ECS_RESERVED_MEMORY={it}"),
    "duration": lambda it: auth_file("p", f"ECS_CONTAINER_STOP_TIMEOUT={it}"),
    "log level": lambda it: auth_file("p", f"ECS_LOGLEVEL={it}"),
}
# Where the file is refused: the program complains about the very place.
REFUSED: dict[str, Make] = {
    "line": lambda it: auth_file("p", it),
    "line without a name": lambda it: auth_file("p", f"={it}"),
    "line with an export": lambda it: auth_file("p", f"export PASSWORD={it}"),
    "name": lambda it: auth_file("p", f"pass {it}=1"),
    "name after a mark": lambda it: b"\xef\xbb\xbf\xef\xbb\xbf" + auth_file("p", f"A {it}"),
    "comment": lambda it: auth_file("p", f"#ECS_ENGINE_AUTH_DATA={{{it}"),
    "type": lambda it: auth(it, {REGISTRY: {"username": "u", "password": "p"}}),
    "key": lambda it: auth("docker", {f"https://user:{it}@{REGISTRY}/": {"username": "u", "password": "p"}}),
    "key of nothing": lambda it: auth("docker", {it: {"username": "u", "password": "p"}}),
    "cut JSON": lambda it: auth("docker", f'{{"{REGISTRY}":{{"username":"u","password":"{it}'),
    "no JSON": lambda it: auth("docker", it),
    "JSON and more": lambda it: auth("docker", f'{{"{REGISTRY}":{{"username":"u","password":"p"}}}} {it}'),
    "bare word in JSON": lambda it: auth("docker", f'{{"{REGISTRY}":{{"username":"u","password":{it}}}}}'),
    "list": lambda it: auth("docker", {REGISTRY: {"username": "u", "password": [it]}}),
    "quoted JSON": lambda it: auth("docker", f'\'{{"{REGISTRY}":{{"username":"u","password":"{it}"}}}}\''),
    "no colon": lambda it: auth("dockercfg", {REGISTRY: {"auth": encoded(it)}}),
    "base64 in docker": lambda it: auth("docker", {REGISTRY: {"auth": encoded(f"fleet:{it}")}}),
    "no base64": lambda it: auth("dockercfg", {REGISTRY: {"auth": f"u:{it}"}}),
    "auths": lambda it: auth("docker", {"auths": {REGISTRY: {"auth": encoded(f"u:{it}")}}}),
    "credsStore": lambda it: auth("docker", {"auths": {}, "credsStore": it}),
    "invalid UTF-8": lambda it: auth_file("p", f"A={it}") + b"B=\xff\n",
    "NUL": lambda it: auth_file("p", f"A={it}\0"),
    "long line": lambda it: auth_file("p", f"A={it * 5000}"),
    "misspelt name": lambda it: auth_file("p", f"ECS_ENGINE_AUTH_DATE={it}"),
    "document": lambda it: auth_file("p", f'ECS_INSTANCE_ATTRIBUTES={{"a": {it}}}'),
}
ALL = {**TAKEN, **REFUSED}


def operator(machine: Machine, **more: str) -> dict[str, str]:
    """Return the environment of somebody who may push."""
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    return machine.environment(AWS_REGION=REGION, **{**keys, "VISUAL": "", **more})


def private_files(machine: Machine) -> list[Path]:
    """Return the files that hold the env-file's content by design."""
    copies = [machine.state_place / name for name in ("verified", "pre-image")]
    return [machine.env_file, machine.env_file.with_name("ecs.config.before-ecsauth"), *copies]


@pytest.mark.parametrize("where", list(ALL))
def test_commands(bare_machine: Machine, canary: Canary, where: str) -> None:
    """No command shows, in text or JSON, what is at any place of the file, whether it takes the file or not."""
    machine = bare_machine
    file = machine.folder / "given"
    file.write_bytes(ALL[where](canary.password))
    machine.place.mkdir()
    machine.env_file.write_bytes(FIRST)
    machine.put(file.read_bytes())
    statuses = set()
    for style in ("--format=text", "--format=json"):
        for done in (
            program.run_here("check", str(file), style, env=machine.environment()),
            program.run_here("check", "-", style, env=machine.environment(), stdin=file.read_bytes()),
            program.run_here("push", str(file), machine.uri, style, env=operator(machine)),
            program.run_here(*machine.boot_arguments("--launch=none", style), env=machine.environment()),
        ):
            canary.assert_not_in(done.out, "standard output")
            canary.assert_not_in(done.err, "standard error")
            statuses.add(done.status)
    assert statuses == ({0} if where in TAKEN else {3})
    canary.assert_not_under(machine.folder, apart_from=[file, *private_files(machine)])
    assert machine.env_file.read_bytes() == (file.read_bytes() if where in TAKEN else FIRST)


# Where the file is taken, and the credential is one that ECS takes from a secret.
EXPORTED = [where for where in TAKEN if where not in ("identity token", "registry token")]


@pytest.mark.parametrize("where", list(ALL))
def test_export(bare_machine: Machine, canary: Canary, where: str) -> None:
    """A secret for tasks is made without a word of it, and nothing that describes it holds a part of it."""
    machine = bare_machine
    file = machine.folder / "given"
    file.write_bytes(ALL[where](canary.password))
    arguments = ("export", "secretsmanager", str(file), "--registry", REGISTRY)
    for style in ("--format=text", "--format=json"):
        for more in (("--dry-run",), (), ()):
            done = program.run_here(*arguments, style, *more, env=operator(machine))
            canary.assert_not_in(done.out, "standard output")
            canary.assert_not_in(done.err, "standard error")
            assert done.status == (0 if where in EXPORTED else 3), done.err
    made = machine.server.client("secretsmanager").list_secrets()["SecretList"]
    assert len(made) == (where in EXPORTED)
    canary.assert_not_in(json.dumps(made, default=str), "the description of the secret")
    canary.assert_not_under(machine.folder, apart_from=[file])


@pytest.mark.parametrize("where", list(ALL))
def test_verify(tmp_path: Path, canary: Canary, where: str) -> None:
    """Nor does the one that sends it; here nobody can be reached."""
    file = tmp_path / "given"
    file.write_bytes(ALL[where](canary.password))
    env = {"PATH": os.defpath, "HTTPS_PROXY": f"http://user:{canary.password}@127.0.0.1:1"}
    for style in ("--format=text", "--format=json"):
        done = program.run_here("verify", str(file), style, env=env)
        # Some of it stands where docker takes it for a login, some where it does not.
        assert done.status in ((4, 5) if where in TAKEN else (3,)), done.err
        if where != "user name":
            canary.assert_not_in(done.out, "standard output")
        canary.assert_not_in(done.err, "standard error")


def everywhere(text: str, *more: str) -> bytes:
    """Return an env-file that the agent takes, with the text in as many places as possible."""
    places = ({"password": text}, {"email": text}, {"identitytoken": text}, {"registrytoken": text}, {"other": text})
    registries = {f"{number}.{REGISTRY}": {"username": "u", **place} for number, place in enumerate(places)}
    return auth("docker", {**registries, REGISTRY: {"username": text, "password": "p"}}, f"MY_TOKEN={text}", *more)


def test_launch(machine: Machine, canary: Canary, docker_calls: Recorder) -> None:
    """Docker is never shown it, and no process either, in an installation, a rotation and a failure."""
    env = machine.environment(PATH=docker_calls.path("/usr/bin:/bin"))
    for number, (variant, style, status) in enumerate(
        (("healthy", "text", 0), ("healthy", "json", 0), ("crashing", "text", 7), ("crashing", "json", 7))
    ):
        machine.put(everywhere(canary.password, f"ECS_RESERVED_MEMORY={number}"))
        command = machine.command(f"--image={machine.docker.image(variant)}", f"--format={style}")
        done = canaries.run(command, env=env)
        assert done.returncode == status, done.stderr
        canary.assert_not_shown_by(done)
    canary.assert_not_given_to(docker_calls)
    assert {call.argv[0] for call in docker_calls.calls()} >= {"run", "stop", "rename", "rm", "start", "update"}
    assert canary.form_in(json.dumps(machine.docker.environment()).encode())
    canary.assert_not_under(machine.folder, apart_from=private_files(machine))
    machine.assert_private()


def test_docker_refuses(booted: Machine, canary: Canary, docker_calls: Recorder) -> None:
    """Nor is it shown where docker itself fails with the file at hand."""
    booted.put(auth_file(canary.password))
    env = booted.environment(PATH=docker_calls.path("/usr/bin:/bin"))
    done = canaries.run(booted.command(f"--image={stand_in_image.build_unstartable()}"), env=env)
    assert done.returncode == 7
    canary.assert_not_shown_by(done)
    canary.assert_not_given_to(docker_calls)
    canary.assert_not_under(booted.folder, apart_from=private_files(booted))


def test_environment_of_the_caller(machine: Machine, canary: Canary, docker_calls: Recorder) -> None:
    """What the caller's environment holds reaches neither docker nor the agent."""
    secrets = dict.fromkeys(("AWS_SECRET_ACCESS_KEY", "ECS_ENGINE_AUTH_DATA", "MY_TOKEN"), canary.password)
    env = machine.environment(PATH=docker_calls.path("/usr/bin:/bin"), AWS_ACCESS_KEY_ID=ACCESS_KEY, **secrets)
    done = machine.launch(env=env)
    assert done.status == 0, done.err
    canary.assert_not_in(done.out + done.err, "the output")
    canary.assert_not_given_to(docker_calls)
    canary.assert_not_in(json.dumps(machine.docker.environment()), "the agent's environment")
    canary.assert_not_under(machine.folder)


@pytest.mark.parametrize("where", list(ALL))
def test_commands_of_the_operator(bare_machine: Machine, canary: Canary, where: str) -> None:
    """No command shows what is at any place of the file, as it is now or was, whether it takes the file or not."""
    machine = bare_machine
    given, pulled = machine.folder / "given", machine.folder / "pulled"
    given.write_bytes(ALL[where](canary.password))
    version = machine.put(given.read_bytes())
    machine.put(FIRST)
    env = operator(machine, EDITOR="true")
    old = f"{machine.uri}?versionId={version}"
    change = operator(machine, EDITOR=f"cp {given}")
    statuses = {}
    for style in ("--format=text", "--format=json"):
        for name, arguments, environment in (
            ("diff", ("diff", str(given), machine.uri), env),
            ("history", ("history", machine.uri, "--diff"), env),
            ("pull", ("pull", old), env),
            ("pull to a file", ("pull", old, "-o", str(pulled)), env),
            ("edit", ("edit", machine.uri), change),
            ("rollback", ("rollback", machine.uri, version), env),
        ):
            done = program.run_here(*arguments, style, env=environment)
            canary.assert_not_in(done.out, f"standard output of {name}")
            canary.assert_not_in(done.err, f"standard error of {name}")
            statuses[name] = done.status
        assert pulled.read_bytes() == given.read_bytes()
    good = 0 if where in TAKEN else 3
    assert statuses["edit"] == statuses["rollback"] == good
    assert statuses["diff"] in (0, 3)
    assert {statuses[name] for name in ("history", "pull", "pull to a file")} == {0}
    canary.assert_not_under(machine.folder, apart_from=[given, pulled])
    metadata = machine.server.s3.head_object(Bucket=machine.bucket, Key=KEY)["Metadata"]
    canary.assert_not_in(str(metadata), "the metadata of the object")


def test_processes_of_the_operator(bare_machine: Machine, canary: Canary, tmp_path: Path) -> None:
    """No argument or environment of a process holds it, not even the editor's; nothing is left in memory."""
    machine = bare_machine
    version = machine.put(auth_file(canary.password))
    machine.put(FIRST)
    given = tmp_path / "given"
    given.write_bytes(auth_file(canary.password, "ECS_LOGLEVEL=debug"))
    env = operator(machine, EDITOR=f"sleep 0.3; cp {given}")
    for arguments in (
        ("rollback", machine.uri, version),
        ("edit", machine.uri),
        ("push", str(given), machine.uri),
        ("pull", machine.uri),
        ("history", machine.uri, "--diff"),
    ):
        done = canaries.run([sys.executable, "-m", "ecsauth", *arguments], env=env)
        assert done.returncode == 0, done.stderr
        canary.assert_not_shown_by(done)
    canary.assert_not_under(machine.folder, apart_from=[given])
