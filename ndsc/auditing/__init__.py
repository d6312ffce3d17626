"""What is wrong with the data: duplicates, labels, odd and bad photos, and the page that shows them."""
