"""The FastAPI sidecar."""
