"""Rules of the registry credentials as a whole, A30x and A34x: the type, and the shape of the document."""

from __future__ import annotations

from ecsauth.check.rules.rule import CLUSTER, ERROR, NOTE, WARNING, Rule, auth, docker, dockercfg, encoded, pair

_AUTH = "amazon-ecs-agent agent/dockerclient/dockerauth/dockerauth.go"
_PARSE = f"{_AUTH}, parseAuthData"
_DECODE = f"Go encoding/json decode.go; {_PARSE}"
_NONE = "the agent reads no registry credentials: private images are pulled anonymously, and the pulls fail"
_DROPPED = (
    "the agent drops all registry credentials, with one warning in its log: private images are pulled anonymously, and"
    " the pulls fail"
)
_ONE = pair("registry.example.com")
_GOOD = docker(_ONE)
_CFG = dockercfg(encoded("registry.example.com"))

RULES = (
    Rule(
        "A301",
        NOTE,
        "no registry credentials",
        "the agent pulls images of private registries anonymously; images of Amazon ECR do not need any",
        "set ECS_ENGINE_AUTH_TYPE and ECS_ENGINE_AUTH_DATA if tasks pull from private registries",
        _AUTH,
        CLUSTER,
        _GOOD,
    ),
    Rule(
        "A302",
        ERROR,
        "ECS_ENGINE_AUTH_DATA without ECS_ENGINE_AUTH_TYPE",
        f"{_NONE}; no log line tells",
        "add a line: ECS_ENGINE_AUTH_TYPE=docker for user names and passwords, dockercfg for auth values",
        _AUTH,
        _GOOD.replace("ECS_ENGINE_AUTH_TYPE=docker\n", ""),
        _GOOD,
    ),
    Rule(
        "A303",
        ERROR,
        "the credentials stand in ECS_ENGINE_AUTH_TYPE",
        f"the agent writes them to its log, and has none: {_NONE}",
        "write the type, docker or dockercfg, here and the JSON in ECS_ENGINE_AUTH_DATA; then change the passwords if"
        " an agent has seen the file",
        _AUTH,
        CLUSTER + "ECS_ENGINE_AUTH_TYPE={" + _ONE + "}\n",
        _GOOD,
    ),
    Rule(
        "A304",
        ERROR,
        "a misspelt type",
        _DROPPED,
        "write docker or dockercfg, in lower case and without quotes",
        _AUTH,
        auth("Docker", "{" + _ONE + "}"),
        _GOOD,
    ),
    Rule(
        "A305",
        ERROR,
        "a type that the agent does not know",
        f"{_DROPPED}; the warning repeats the type",
        "write docker for user names and passwords, dockercfg for auth values",
        _AUTH,
        auth("basic", "{" + _ONE + "}"),
        _GOOD,
    ),
    Rule(
        "A306",
        ERROR,
        "ECS_ENGINE_AUTH_TYPE without anything in ECS_ENGINE_AUTH_DATA",
        _NONE,
        "add the credentials in ECS_ENGINE_AUTH_DATA, or delete the type",
        _AUTH,
        CLUSTER + "ECS_ENGINE_AUTH_TYPE=docker\n",
        _GOOD,
    ),
    Rule(
        "A307",
        WARNING,
        "registry credentials with nothing behind their names",
        f"as a template writes whose variables are unset: {_NONE}; no log line tells",
        "write the type and the credentials, or delete the lines if no task pulls from a private registry",
        _AUTH,
        auth("", ""),
        _GOOD,
    ),
    Rule(
        "A340",
        ERROR,
        "a credential helper of docker's config.json",
        f"the agent asks no helper: {_DROPPED}",
        "log in with a config.json that has no credsStore and credHelpers, and take the entries from there:\n"
        "docker --config ~/.docker-plain login registry.example.com",
        _DECODE,
        dockercfg(encoded("registry.example.com"), '"credsStore":"desktop"'),
        _CFG,
    ),
    Rule(
        "A341",
        ERROR,
        "docker's config.json with its auths around the registries",
        "the agent takes auths for the name of a registry: no credentials for any image, under the type docker without"
        " a log line",
        'keep only what stands inside auths, as ECS_ENGINE_AUTH_DATA={"registry":{…}}:\necsauth check --fix FILE',
        _PARSE,
        dockercfg('"auths":{' + encoded("registry.example.com") + "}"),
        _CFG,
    ),
    Rule(
        "A342",
        ERROR,
        "a setting of docker's config.json among the registries",
        "the agent takes it for a registry, and drops all credentials if its value is not an object",
        "remove the setting",
        _DECODE,
        dockercfg(encoded("registry.example.com"), '"detachKeys":"ctrl-q"'),
        _CFG,
    ),
    Rule(
        "A343",
        ERROR,
        "fields without a registry around them",
        _DROPPED,
        'put the registry around them: {"registry":{"username":"…","password":"…"}}',
        _DECODE,
        auth("docker", '{"username":"example","password":"not-a-secret"}'),
        _GOOD,
    ),
    Rule(
        "A344",
        ERROR,
        "the JSON is not an object",
        _DROPPED,
        'write an object by registry: {"registry":{"username":"…","password":"…"}}',
        _DECODE,
        auth("docker", "[{" + _ONE + "}]"),
        _GOOD,
    ),
    Rule(
        "A345",
        ERROR,
        "a registry whose value is not an object",
        _DROPPED,
        'write {"auth":"…"} or {"username":"…","password":"…"} as its value',
        _DECODE,
        docker(_ONE, '"mirror.example.com":"not-a-secret"'),
        _GOOD,
    ),
    Rule(
        "A346",
        ERROR,
        "a field whose value is not a text",
        f"for this one field {_DROPPED}",
        "put the value in double quotes",
        _DECODE,
        docker('"registry.example.com":{"username":"example","password":12345}'),
        docker(pair("registry.example.com", "example", "12345")),
    ),
    Rule(
        "A347",
        WARNING,
        "an empty object of registries",
        _NONE,
        "add the registries, or delete both variables",
        _DECODE,
        auth("docker", "{}"),
        _GOOD,
    ),
    Rule(
        "A348",
        ERROR,
        "the entries are written for the other type",
        "the agent reads no user name and no password from any of them: private images are pulled anonymously, and the"
        " pulls fail",
        "write ECS_ENGINE_AUTH_TYPE=docker for user names and passwords, dockercfg for auth values",
        _PARSE,
        auth("dockercfg", "{" + _ONE + "}"),
        _GOOD,
    ),
)
