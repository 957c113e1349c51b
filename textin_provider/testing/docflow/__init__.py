"""DocFlow: batches of business documents and the fields extracted from them."""
