"""The long run: a thousand waits in one triggerer for half an hour, while TextIn fails in every way."""
