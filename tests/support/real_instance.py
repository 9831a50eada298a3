"""One instance and its operator on a real S3 server: the instance with its role's credentials, from IMDS alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import program
from aws_environment import aws_environment
from fetching import Instance
from s3_server import ACCESS_KEY, REGION, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from metadata_service import MetadataService
    from program import Ended
    from seaweed_server import SeaweedServer, Witness


class RealInstance(Instance):
    """An instance that is to boot from `prod/ecs.config`, with nothing on it yet.

    It talks to the server itself, or with `watched` to the witness in front of it.
    """

    def __init__(self, folder: Path, seaweed: SeaweedServer, witness: Witness, metadata: MetadataService) -> None:
        super().__init__(folder, seaweed, witness, metadata)
        self.seaweed = seaweed
        self.watched = False
        metadata.instance = seaweed.assume_role(self.bucket)

    @property
    def endpoint(self) -> str:
        """Where S3 is."""
        return self.proxy.url if self.watched else self.seaweed.url

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of a boot: no credentials but the role's."""
        return super().environment(**{"AWS_ENDPOINT_URL": self.endpoint, **more})

    def operator_environment(self) -> dict[str, str]:
        """Return the environment of an operator, with access keys."""
        return aws_environment(
            self.folder / "home",
            endpoint=self.endpoint,
            AWS_REGION=REGION,
            AWS_ACCESS_KEY_ID=ACCESS_KEY,
            AWS_SECRET_ACCESS_KEY=SECRET_KEY,
        )

    def push(self, content: bytes, *options: str, env: Optional[Mapping[str, str]] = None) -> Ended:
        """Push the content as the operator; without `--kms-key` under the bucket's own."""
        return program.run("push", "-", self.uri, *options, env=env or self.operator_environment(), stdin=content)
