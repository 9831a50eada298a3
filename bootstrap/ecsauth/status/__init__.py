"""Tell whether env-file, S3 object and agent agree."""
