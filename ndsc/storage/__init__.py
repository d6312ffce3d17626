"""Reading bytes from archives, gzip files, servers and plain files."""
