"""Three times what a service can do: what is still answered, how soon the rest is refused, who gets what, and after it.

::

    python -m benchmarks overload

`service` is the system and the check of its answers, `flood` one flood with what comes after it, `fairness` who gets
what, `streams` a greedy client, `told` the figures. The flood comes over kept connections by an open loop, which goes
on asking whatever it is answered.
"""
