"""The fleet: which instance runs which version, and a new version in waves, on AWS Systems Manager."""
