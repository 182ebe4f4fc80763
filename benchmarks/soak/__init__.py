"""The long run: a real system under load for minutes or hours, hurt and changed all the time, and what grows in it.

::

    make soak                                           # 20 minutes, 1,000 applies and rollbacks
    scripts/soak --minutes 3 --cycles 60

Two promises are tried: no request fails, and nothing grows that need not. `service` is the system, `course` what is
done to it, `census` what is counted of it, `slopes` whether that grows, `told` how it is said and kept.
"""
