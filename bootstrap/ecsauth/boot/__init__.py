"""Boot an instance: fetch, verify, validate and install the env-file, start the agent, and roll back on failure."""
