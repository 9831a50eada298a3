"""Go's JSON, text and values, as docker, ecs-init and the agent read them."""
