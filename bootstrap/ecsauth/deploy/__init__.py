"""The documents of an environment: policies, the stack, user data."""
