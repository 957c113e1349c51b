"""The DocFlow half: batches of business documents and the fields read from them."""
