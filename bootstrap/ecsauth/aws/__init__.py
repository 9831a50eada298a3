"""Amazon Web Services: S3, the instance metadata service, IAM, Secrets Manager, CloudFormation. I/O."""
