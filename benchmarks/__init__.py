"""What Longspan costs over the bare limit, and how we know.

CPU microseconds of a process are compared, both variants alternating A B B A, open loop at one rate
below saturation, at least five pairs, median and spread. A bound is missed only when the whole
interval is beyond it. Wall-clock figures are reported and never judged alone.
"""
