"""What Longspan can do, one folder each: generations, replicas, gateway.

In each, `decide` concludes from values, `run` is the errand from top to bottom, `adapters` holds the eyes
and hands, and `api`, `page` and `cli` are its doors. No capability imports another: what two of them
share is passed by `longspan.control` as a value, or lives in `longspan.system`.
"""
