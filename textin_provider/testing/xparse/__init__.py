"""xParse: one document becomes one job with one result."""
