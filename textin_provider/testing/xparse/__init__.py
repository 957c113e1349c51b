"""The xParse half: one document becomes one job."""
