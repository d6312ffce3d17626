from tests.evaluation.conftest import figure_text

__all__ = ["figure_text"]
