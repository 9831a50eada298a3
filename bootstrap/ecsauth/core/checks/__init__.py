"""What `check` is made of: the lines as their author meant them, and one module for each family of rules."""
