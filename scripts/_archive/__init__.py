"""The parts of scripts/build-archive, which runs this directory: `python scripts/_archive`."""
