"""What ecsauth knows: pure functions and values, standard library only, no I/O."""
