"""What is drawn: the products of three classes, and what lies about beside them."""
