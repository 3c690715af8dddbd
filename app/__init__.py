"""Causeway: a control plane that carries machine-learning models between Databricks workspaces."""
