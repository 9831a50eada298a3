"""The Amazon ECS agent: its variables, and what it makes of their values."""
