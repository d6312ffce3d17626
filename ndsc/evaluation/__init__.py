"""Metrics and figures of a finished run. Pure functions of predictions; knows neither models nor MLflow."""
