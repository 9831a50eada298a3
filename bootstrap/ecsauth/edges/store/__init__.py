"""S3: the only part of the package that names botocore or boto3, and the only one that imports them."""
