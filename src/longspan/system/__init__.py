"""What control remembers and compares: records, generations, `diff`, the vault and the ledger."""
