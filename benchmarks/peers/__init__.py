"""Programs that load a file by another library, each for a process of its own: `FILE URL_OF_A_DATABASE`."""
