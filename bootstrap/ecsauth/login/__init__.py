"""A login at a registry: whether a credential is accepted, and what it may pull."""
