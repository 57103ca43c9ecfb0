"""What people said about posts."""
