"""Poll TextIn from the triggerer: never submit, download or cancel, and hold no document text."""
