"""What Causeway remembers: SQL through SQLModel. Every public function of these modules is one whole transaction."""
