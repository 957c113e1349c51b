"""
What TextIn is, as plain Python: no Airflow, no I/O.

Each endpoint stands here once: how its request is built, and how its answer is read into a frozen dataclass.
The hooks carry the calls out, on workers and on the triggerer alike.
"""
