"""The parts of scripts/fault-sweep, which runs this directory: `python scripts/_fault_sweep`."""
