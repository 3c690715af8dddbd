"""What we ask of Databricks: the only home of databricks-sdk and aiohttp; a workspace's configured name comes first."""
