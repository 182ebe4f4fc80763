"""The words of everything: errors, names, units of measure, data types, signatures.

Nothing here imports another room of the house, and nothing here does anything: these are the
nouns that a file, a request, a worker's orders and a plan have in common.
"""
