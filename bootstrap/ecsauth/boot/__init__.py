"""What an instance does at its launch: fetch, verify, validate, install, start the agent, and go back if it fails."""
