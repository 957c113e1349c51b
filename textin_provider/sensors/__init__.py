"""Waits for TextIn: one meaning in poke, reschedule and deferrable mode."""
