"""The history of the ledger's schema, one migration a file.

A released one is never edited, and none goes back: an older Longspan refuses a newer state (`system.database`), and a
backup is what restores it.
"""
