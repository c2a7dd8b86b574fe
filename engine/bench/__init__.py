"""Speed measurements against a plain reference, in alternating rounds of one command: ratios with their intervals."""
