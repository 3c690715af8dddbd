"""What Causeway decides: rules and workflows, with no HTTP, no SDK and no SQL in them."""
