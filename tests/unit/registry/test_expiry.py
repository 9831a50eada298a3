"""Which logins last until an instance boots."""

from __future__ import annotations

import base64
import json
from typing import Any, Optional

import pytest
from ecsauth.registry import expiry
from ecsauth.registry.credential import Credential
from ecsauth.secret import Secret


def _jwt(claims: Any) -> str:
    parts = [json.dumps({"alg": "RS256"}).encode(), json.dumps(claims).encode(), b"signature"]
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


@pytest.mark.parametrize(
    ("registry", "reason"),
    [
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com", "ECR logins expire after 12 hours"),
        ("111122223333.dkr.ecr-fips.us-gov-west-1.amazonaws.com", "ECR logins expire"),
        ("111122223333.dkr.ecr.cn-north-1.amazonaws.com.cn", "ECR logins expire"),
        ("111122223333.dkr-ecr.eu-west-1.on.aws", "ECR logins expire"),
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com:443", "ECR logins expire"),
        ("111122223333.dkr.ecr.eu-west-1.amazonaws.com/team", "ECR logins expire"),
        ("public.ecr.aws", "ECR logins expire"),
        ("index.docker.io/v1/access-token", "a token of docker's web login"),
        ("https://index.docker.io/v1/refresh-token", "a token of docker's web login"),
        ("https://index.docker.io/v1/", None),
        ("registry.example.com/v1/access-token", None),
        ("ecr.example.com", None),
        ("ghcr.io", None),
    ],
)
def test_registries(registry: str, reason: Optional[str]) -> None:
    """Some registries give out nothing that lasts, whoever logs in."""
    found = expiry.of_registry(registry)
    assert (found is None) is (reason is None)
    assert found is None or found.text.startswith(reason or "")


@pytest.mark.parametrize(
    ("username", "password", "reason"),
    [
        pytest.param("ci", "p", None, id="password"),
        pytest.param("_json_key", '{"type": "service_account"}', None, id="Google's key file"),
        pytest.param("_json_key_base64", "e30=", None, id="Google's key file in base64"),
        pytest.param("AWS", "eyJwYXlsb2FkIjo", "an ECR login", id="ECR behind another name"),
        pytest.param("oauth2accesstoken", "ya29.x", "Google's access token", id="gcloud"),
        pytest.param("_dcgcr_2_0_0_token", "ya29.x", "Google's access token", id="gcr helper"),
        pytest.param("00000000-0000-0000-0000-000000000000", "x", "Azure's token", id="az acr login"),
        pytest.param("10000000-0000-0000-0000-000000000000", "x", None, id="Azure's service principal"),
        pytest.param("gitlab-ci-token", "x", "GitLab's job token", id="GitLab"),
        pytest.param("x", "ghs_abc", "GitHub's installation token", id="GitHub Actions"),
        pytest.param("x", "ghp_abc", None, id="GitHub's personal token"),
        pytest.param("<token>", "x", "an identity token", id="helper's identity token"),
        pytest.param("x", _jwt({"exp": 1}), "a token with an expiry date", id="JWT that ends"),
        pytest.param("x", _jwt({"iat": 1}), None, id="JWT that does not end"),
        pytest.param("x", _jwt([1]), None, id="JWT of a list"),
        pytest.param("x", "eyJ.e30.x", None, id="looks like a JWT"),
        pytest.param("x", "eyJ._.x", None, id="bad base64"),
        pytest.param("x", "eyJ.bm8.x", None, id="bad JSON"),
        pytest.param("x", "eyJ." + base64.urlsafe_b64encode(b"[" * 99_999).decode() + ".x", None, id="deep JSON"),
    ],
)
def test_credentials(username: str, password: str, reason: Optional[str]) -> None:
    """A user name, or the look of a password, tells what ends by itself."""
    found = expiry.of_credential(Credential(username, Secret(password)))
    assert (found is None) is (reason is None)
    assert found is None or found.text.startswith(reason or "")


@pytest.mark.parametrize(
    "credential", [Credential("u", identitytoken=Secret("t")), Credential("u", Secret("p"), registrytoken=Secret("t"))]
)
def test_tokens(credential: Credential) -> None:
    """A token in place of a password does not last, whoever it is for."""
    found = expiry.of_credential(credential)
    assert found is not None
    assert found.text.startswith("an identity token")
