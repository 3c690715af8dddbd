"""What Causeway runs inside Databricks: training, vetted copies, scoring. Imports nothing of the service."""
