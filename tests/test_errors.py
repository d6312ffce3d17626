"""Errors and log lines show no passwords."""

import logging

import pytest

from ndsc.errors import RedactingFormatter, UserError, redacted, report_errors


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("http://ann:s3cret@host:5000/path", "http://***@host:5000/path"),
        ("from http://ann:p@ss@host, and s3://key:secret@bucket.", "from http://***@host, and s3://***@bucket."),
        ("postgresql+psycopg://ann:s/cret@host/db", "postgresql+psycopg://***@host/db"),
        ("mysql://ann:1234@host/db", "mysql://***@host/db"),
        ("https://token@host/", "https://***@host/"),
        ("postgresql://host/db?user=ann&password=s3cret&x=1", "postgresql://host/db?user=ann&password=***&x=1"),
        ("https://host/a?X-Amz-Signature=abc&api_key=def", "https://host/a?X-Amz-Signature=***&api_key=***"),
        ("http://host:5000/mail/ann@host", "http://host:5000/mail/ann@host"),
        ("https://host/@user/a.jpg?page=2", "https://host/@user/a.jpg?page=2"),
        ("sqlite:////home/ann@host/mlflow.db", "sqlite:////home/ann@host/mlflow.db"),
        ("ann@host wrote key=value", "ann@host wrote key=value"),
    ],
)
def test_addresses_show_no_passwords(text: str, shown: str):
    assert redacted(text) == shown


def test_log_lines_and_their_tracebacks_show_no_passwords():
    try:
        raise ConnectionError("http://ann:s3cret@host")
    except ConnectionError as error:
        information = (type(error), error, error.__traceback__)
    record = logging.LogRecord("name", logging.ERROR, "file", 1, "in %s", ("http://ann:s3cret@host",), information)
    text = RedactingFormatter("%(message)s").format(record)
    assert "in http://***@host" in text
    assert "ConnectionError: http://***@host" in text
    assert "s3cret" not in text


def test_the_paragraph_of_an_error_shows_no_password(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit), report_errors():
        raise UserError("Received: http://ann:s3cret@host.")
    assert capsys.readouterr().err == "ndsc: Received: http://***@host.\n"
