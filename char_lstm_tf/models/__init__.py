"""Networks, and one step of any of them."""
