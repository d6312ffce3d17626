"""The configuration: its schema, its checks, and the identity of a run."""
