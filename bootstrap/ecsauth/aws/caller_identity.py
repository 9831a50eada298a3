"""The owner of the instance's credentials, by one request to STS that needs no permission."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Optional

from ecsauth.aws import credentials, endpoint, error_document
from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.signed_request import ServiceRequest, send
from ecsauth.errors import EcsauthError

# AWS Security Token Service API Reference, GetCallerIdentity.
_QUESTION = "/?Action=GetCallerIdentity&Version=2011-06-15"
_LONGEST = 64 * 1024


def arn(profile: Optional[str], region: str, seconds: float) -> Optional[str]:
    """Return the ARN of the owner of the instance's credentials, None if it cannot be determined."""
    what = Attempt(Operation.ASK_CALLER)
    try:
        signer = credentials.find(profile, what, seconds)
        request = ServiceRequest(
            "GET", endpoint.sts(region, signer.environment), _QUESTION, {}, f"{region}/sts", _LONGEST
        )
        answer = send(request, signer, what)
    except EcsauthError:
        return None
    root = error_document.parsed(answer.body) if answer.status == HTTPStatus.OK else None
    found = [element.text or "" for element in (root.iter() if root is not None else ()) if element.tag.endswith("Arn")]
    return found[0] if found and re.fullmatch(r"arn:[\x21-\x7e]+", found[0]) else None
