"""The history of the ledger's schema, one migration a file. A released one is never edited."""
