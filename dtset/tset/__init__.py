"""TSets: the fluent surface over plan nodes."""
