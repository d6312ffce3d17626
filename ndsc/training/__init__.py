"""From a manifest to a trained head: batches, fit, fine-tuning, callbacks, and resuming."""
