"""Is everything there that Causeway needs in a workspace? Each prerequisite, with what was seen and what mends it."""
