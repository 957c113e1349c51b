"""Run what `make demo`, `make airflow` and `make package` do, and the private Airflow that they share."""
