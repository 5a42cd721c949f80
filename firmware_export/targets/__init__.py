"""What each SDK, board or emulator wants around the core."""
