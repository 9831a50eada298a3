"""The parts of scripts/demo, which runs this directory: `python scripts/_demo`."""
