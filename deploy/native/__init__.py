"""Private servers without Docker: PostgreSQL with TimescaleDB and Mosquitto, unpacked from Debian packages.

No system package is changed and nothing needs root; ``docs/operations/native.md`` says where things live.
"""
