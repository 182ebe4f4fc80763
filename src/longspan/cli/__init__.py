"""The command line: what people type. It only talks, so whatever it can do can be scripted."""
