"""Control: the one process that decides, and the one place where all rooms meet.

`main` starts it, `world` builds the adapters and hands them to the corridors, `http` opens its two
doors, `once` does one errand without a door, `doctor` looks at the machine.
"""
