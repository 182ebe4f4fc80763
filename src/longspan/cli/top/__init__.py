"""The command `top`: what the system does now, looked at each second.

`command` reads the options and keeps time, `keys` waits for q, `shown` makes tables of `longspan.client.rates`.
"""
