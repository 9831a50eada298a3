"""The parts of scripts/bench, which runs this directory: `python scripts/_bench`."""
