"""The only place that knows MLflow: a run's life, its hardware, and questions to the store."""
