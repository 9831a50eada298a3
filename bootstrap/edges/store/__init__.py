"""S3: the only part of the package that names botocore, and the only one that imports them."""
