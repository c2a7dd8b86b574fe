"""Components and panels that several pages share."""
