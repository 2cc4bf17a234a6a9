"""How fast the engine is, against what the link allows and what a plain script would need.

``python -m benchmarks.NAME``, from the root of the repository, runs one of them, and
``python -m benchmarks.all --short`` a short form of each. All of it happens on this machine's
loopback, against a private sshd behind a proxy that adds the round-trip time.
"""
