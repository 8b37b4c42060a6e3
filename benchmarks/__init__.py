"""What the project promises of time and memory, measured on this machine: `make bench`."""
