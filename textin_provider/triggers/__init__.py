"""Looks at TextIn from the triggerer: never submits, downloads or cancels, and holds no document text."""
