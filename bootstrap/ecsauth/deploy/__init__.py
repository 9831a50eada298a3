"""What an environment is made of: policies, the stack, user data, the boot archive."""
