"""What Secrets Manager refuses, as values for `S3Proxy.inject`: its protocol is JSON, S3's is XML.

Source: Secrets Manager API Reference, the errors of each operation, and "Common error types".
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from loopback_server import Answer, answer
from s3_faults import Fault, Forward

if TYPE_CHECKING:
    from s3_request import Request


class Refusal(Fault):
    """The service refuses with a status and an error code; the request is not forwarded."""

    def __init__(self, code: str, message: str = "of the service", status: int = 400) -> None:
        self.code, self.status, self._message = code, status, message

    def respond(self, request: Request, forward: Forward) -> Answer:
        """Return the error document."""
        del request, forward
        document = json.dumps({"__type": self.code, "message": self._message})
        return answer(self.status, document.encode(), "application/x-amz-json-1.1")


ACCESS_DENIED = Refusal(
    "AccessDeniedException",
    "User: arn:aws:iam::123456789012:user/o is not authorized to perform: secretsmanager:CreateSecret on resource: x",
)
KMS_DENIED = Refusal("AccessDeniedException", "Access to KMS is not allowed")
NO_SUCH_KEY = Refusal("ResourceNotFoundException", "Secrets Manager can't find the KMS key")
KEY_DISABLED = Refusal("EncryptionFailure", "Secrets Manager can't encrypt the protected secret text with this key")
KEY_GONE = Refusal("DecryptionFailure", "Secrets Manager can't decrypt the protected secret text with this key")
THROTTLED = Refusal("ThrottlingException", "Rate exceeded")
INTERNAL_ERROR = Refusal("InternalServiceError", "An error occurred on the server side", 500)
EXPIRED_TOKEN = Refusal("ExpiredTokenException", "The security token included in the request is expired")
INVALID_KEY = Refusal("UnrecognizedClientException", "The security token included in the request is invalid")
WRONG_SECRET = Refusal("InvalidSignatureException", "The request signature we calculated does not match")
LATE = Refusal("InvalidSignatureException", "Signature expired: 20260101T000000Z is now earlier than 20260101T010000Z")
EXISTS = Refusal("ResourceExistsException", "The operation failed because the secret already exists")
SCHEDULED = Refusal(
    "InvalidRequestException",
    "You can't create this secret because a secret with this name is already scheduled for deletion.",
)
ABSENT = Refusal("ResourceNotFoundException", "Secrets Manager can't find the specified secret.")
