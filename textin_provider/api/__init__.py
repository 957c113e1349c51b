"""
TextIn's protocol as plain Python: no Airflow, no I/O.

Each endpoint is defined once: how to build its request, and how to read its response into a frozen dataclass.
The hooks send the requests, on workers and on the triggerer alike.
"""
