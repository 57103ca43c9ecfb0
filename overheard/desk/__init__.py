"""What an SDR looks at: the queue, its cards, its views, the board."""
