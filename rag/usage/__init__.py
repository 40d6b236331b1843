"""What every model call used and cost."""
