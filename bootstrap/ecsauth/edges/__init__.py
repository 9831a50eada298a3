"""Where ecsauth touches the world: S3, the metadata service, files, docker. Edges do not import each other."""
