"""A folder of documents as one task: its ledger, its lock, its documents, and the run that sends them."""
