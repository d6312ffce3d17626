"""Metrics, tables and figures of a finished run: pure functions of predictions, without models or MLflow."""
