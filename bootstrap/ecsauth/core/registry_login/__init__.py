"""Logging in to a registry as docker does: what is asked where, who may be sent a credential, what the answers mean."""
