"""The machine: files, docker, systemd, the network. I/O."""
