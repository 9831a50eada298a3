"""ecsauth: registry credentials for Amazon ECS container instances, checked before the agent starts."""

__version__ = "0.1.0"
