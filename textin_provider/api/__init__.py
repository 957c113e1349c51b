"""TextIn's protocol as plain Python, without Airflow and I/O; the hooks send its requests."""
