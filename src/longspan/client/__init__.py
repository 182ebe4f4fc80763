"""Talking to Longspan: the HTTP client of control and of the gateway, and the paced load client."""
