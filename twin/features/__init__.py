"""Reading things by collection: what is asked, and what answers."""
