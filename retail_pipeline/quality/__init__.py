"""What must be true of the tables: expectations as data, and the bridge to Great Expectations that tests them."""
