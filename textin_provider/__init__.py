"""Apache Airflow provider for TextIn: xParse document parsing and DocFlow document batches."""

__version__ = "0.1.0"
