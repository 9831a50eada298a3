"""Fuzzing of what reads bytes that somebody else wrote; scripts/fuzz starts it."""
