"""What waiting, importing and moving files costs, side by side with what else does it. Run: `make bench`."""
