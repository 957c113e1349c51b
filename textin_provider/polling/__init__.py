"""Decisions about waiting, without I/O: sensors, triggers and the loop of workers feed the same waits."""
