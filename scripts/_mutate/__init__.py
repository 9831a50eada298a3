"""Mutation testing of ecsauth; scripts/mutate starts it."""
