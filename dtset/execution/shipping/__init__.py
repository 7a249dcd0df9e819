"""Code shipping: how the user's functions travel to workers, by value."""

from dtset.execution.shipping.program import Program, receive
from dtset.execution.shipping.shipment import Shipment, ship

__all__ = ["Program", "Shipment", "receive", "ship"]
