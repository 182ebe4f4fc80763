"""How many replicas shall a unit have? Sees its load, concludes, writes down why; the trips make it true."""
