"""Where bytes come from: archives, gzip, remote servers, plain files."""
