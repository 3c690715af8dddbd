"""A Databricks to practise on: a separate program that answers the part of the REST API that Causeway uses."""
