"""Log in to a registry: verify that it accepts a credential and allows a pull."""
