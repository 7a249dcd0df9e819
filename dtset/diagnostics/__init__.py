"""What people see of a run: on the console and in notebooks."""
