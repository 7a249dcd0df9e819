"""What functions print, log and raise on workers, on its way to the driver."""
