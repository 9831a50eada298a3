"""The boot archive: which modules go into it, how they are laid out, and the programs that start it."""
