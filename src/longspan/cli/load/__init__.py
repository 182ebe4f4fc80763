"""The command `load`: real requests at a running system, and an honest account of what became of them.

`command` reads the options and ends in an exit code, `asked` turns words and files into a schedule and requests,
`course` runs it, looks at the replicas meanwhile and kills one, `told` shows the outcome.
"""
