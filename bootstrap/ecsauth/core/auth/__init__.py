"""What the agent makes of ECS_ENGINE_AUTH_TYPE and ECS_ENGINE_AUTH_DATA, which credential it sends, what is lost."""
