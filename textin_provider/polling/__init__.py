"""
Decisions about waiting, without I/O: when to poll next, and what a state or an error means.

A wait receives states, errors and the time, and returns decisions. Sensors in every mode, triggers, and the
polling loop of workers all feed the same waits, so a wait means the same wherever it runs.
"""
