"""Publishing an env-file: what changes, the conditional put, credentials from docker and to Secrets Manager."""
