"""The Amazon ECS agent: its variables, and how it reads their values."""
