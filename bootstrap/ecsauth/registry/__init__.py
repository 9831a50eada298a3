"""Registry credentials: parse, keys, match, write."""
