"""The edge agent: follows a tower's loggers, keeps blocks on disk and sends them until the platform has them.

It runs on small computers, so nothing heavy is imported here: no data frames, no compiler, no database driver.
"""
