"""What the people whose posts are stored may ask for: to be forgotten, and to be told what is known of them."""
