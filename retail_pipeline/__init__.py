"""The retail pipeline: order exports in, sales tables out, every penny accounted for."""
