"""Submits documents to TextIn and stores what it makes of them."""
