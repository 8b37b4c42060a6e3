"""Alerts: what they say, and that each is told once, by real receivers on this machine."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message
from aiosmtpd.smtp import AuthResult
from click.testing import CliRunner

from retail_pipeline.alerts import channels as ways
from retail_pipeline.alerts.alert import (
    Alert,
    FailedCheck,
    FinishedRun,
    HeldBack,
    a_test,
    of_refused_files,
    of_run,
    of_stale_marts,
)
from retail_pipeline.alerts.channels import Email, Webhook, configured
from retail_pipeline.alerts.outbox import Outbox
from retail_pipeline.cli import main
from retail_pipeline.settings import Settings
from retail_pipeline_tests.ports import free_port
from retail_pipeline_tests.receivers import Receiver, web_receiver

RUN = FinishedRun("r1", "load", "http://dagster/runs/r1", failed=False)
LOAD = HeldBack("day-1", rows=2, rows_read=100, amount=Decimal("5"), amount_read=Decimal("1000"), currency="GBP")


def test_a_run_in_which_nothing_went_wrong_is_not_worth_an_alert():
    assert of_run(RUN, 0.01) is None
    assert of_run(replace(RUN, held_back=[LOAD]), 0.02) is None


def test_a_failed_run_says_what_where_and_what_to_do():
    found = of_run(replace(RUN, failed=True, errors=["day.csv, line 3, column Quantity: 'x' is no number"]), 0.01)
    assert found.key == "run-r1"
    assert found.subject == "Retail pipeline: Run of load: failed"
    assert found.text.splitlines()[2:] == [
        "day.csv, line 3, column Quantity: 'x' is no number",
        "",
        "Where: http://dagster/runs/r1",
        "What to do: docs/checks.md#a-run-failed",
    ]


def test_all_that_went_wrong_in_a_run_is_one_alert():
    checks = [FailedCheck("mart_kpis", "totals_reconcile", 3), FailedCheck("loads", "columns", None, "no such table")]
    found = of_run(replace(RUN, failed=True, errors=["2 checks failed"], failed_checks=checks, held_back=[LOAD]), 0.01)
    for told in (
        "2 critical checks failed, 1 loads with much in quarantine",
        "- mart_kpis: totals reconcile (3 rows)",
        "- loads: columns (no such table)",
        "- day-1: 2 of 100 rows, 5.00 of 1,000.00 GBP",
        "#a-critical-check-failed",
        "#much-is-held-back",
    ):
        assert told in found.text
    assert "#a-run-failed" not in found.text


@pytest.mark.parametrize(
    ("change", "share"),
    [({}, 0.02), ({"amount": Decimal("-250")}, 0.25), ({"rows_read": 0, "amount_read": Decimal(0)}, 0.0)],
)
def test_the_share_that_is_held_back_is_that_of_rows_or_of_money_whichever_is_greater(change, share):
    assert replace(LOAD, **change).share == share


def test_long_lists_are_cut_and_the_rest_is_counted():
    found = of_refused_files([(f"{number}.csv", "the file is empty") for number in range(500)], "7", "inbox/failed")
    assert "500 files were refused" in found.subject
    assert "- and 490 more" in found.text
    assert len(found.text) < 1000
    assert "mart_kpis" in of_stale_marts(["mart_kpis"], 36, "2026-01-01", "http://dagster/assets").text


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with web_receiver() as received:
        yield received


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox(tmp_path / "alerts")


def webhook(receiver: Receiver) -> Webhook:
    (channel,) = configured(Settings(alert_webhook=receiver.url))
    return channel


FIRST, SECOND = Alert("run-1", "one", "first <!channel> & more"), Alert("run-2", "two", "second")


def test_an_alert_is_told_once_whoever_finds_it_out_and_calls_nobody_by_name(outbox, receiver):
    channel = webhook(receiver)
    assert outbox.put(FIRST, [channel])
    assert not outbox.put(FIRST, [channel])
    assert outbox.tell([channel]) == (1, [])
    assert outbox.tell([channel]) == (0, [])
    assert not outbox.put(FIRST, [channel])
    assert receiver.texts == ["first &lt;!channel&gt; &amp; more"]


def test_no_secret_is_told_whatever_error_it_came_in_with(outbox, receiver):
    settings = Settings(alert_webhook=receiver.url, smtp_password="hunter2")
    channels = configured(settings)
    outbox.put(Alert("k", "no hunter2", f"mysql://retail:hunter2@db, {receiver.url}"), channels)
    assert outbox.tell(channels) == (1, [])
    (told,) = receiver.texts
    assert "mysql://retail:***@db" in told
    for text in (told, repr(channels), repr(settings)):
        assert "hunter2" not in text
        assert receiver.url not in text


def test_what_a_receiver_that_is_down_did_not_take_is_told_later_in_order_and_once(outbox, tmp_path, caplog):
    with web_receiver() as gone:
        channel = webhook(gone)
    for alert in (FIRST, SECOND):
        outbox.put(alert, [channel])
    told, problems = outbox.tell([channel])
    assert (told, len(problems)) == (0, 1)  # and not one for each alert
    assert "secret" not in problems[0] + caplog.text
    port = int(gone.url.split(":")[2].partition("/")[0])
    with web_receiver(port) as back:
        assert Outbox(tmp_path / "alerts").tell([channel]) == (2, [])  # as after a restart
        assert outbox.tell([channel]) == (0, [])
    assert [text.partition(" ")[0] for text in back.texts] == ["first", "second"]


def test_a_receiver_that_does_not_answer_is_not_waited_for(outbox, receiver, monkeypatch):
    monkeypatch.setattr(ways, "SECONDS_TO_ANSWER", 0.3)
    receiver.seconds, receiver.status = 2, 503
    channel = webhook(receiver)
    for alert in (FIRST, SECOND):
        outbox.put(alert, [channel])
    assert outbox.tell([channel]) == (0, ["webhook: no answer within 0.3 s"])
    receiver.seconds, receiver.status = 0, 200
    assert outbox.tell([channel]) == (2, [])


def test_an_alert_that_is_declined_does_not_keep_others_back(outbox, receiver):
    channel = webhook(receiver)
    outbox.put(FIRST, [channel])
    receiver.status = 400
    assert outbox.tell([channel]) == (0, ["webhook: answered 400"])
    receiver.status = 200
    outbox.put(SECOND, [channel])
    assert outbox.tell([channel]) == (1, [])  # the first has a pause
    assert receiver.texts == ["second"]


def test_a_file_whose_name_is_no_text_is_told_as_far_as_it_is_one(outbox, receiver):
    channel = webhook(receiver)
    outbox.put(
        of_refused_files([("failed/Auftr\udce4ge.csv", "Auftr\udce4ge.csv: is empty")], "1", "failed"), [channel]
    )
    assert outbox.tell([channel]) == (1, [])
    assert "Auftr?ge.csv: is empty" in receiver.texts[0]


class Mailbox(Message):
    """Keeps what was mailed."""

    def __init__(self) -> None:
        super().__init__()
        self.mails = []

    def handle_message(self, message) -> None:
        self.mails.append(message)


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, int]]:
    """A mail server that wants a password."""

    def authenticate(_server, _session, _envelope, _mechanism, login) -> AuthResult:
        return AuthResult(success=(login.login, login.password) == (b"retail", b"hunter2"), handled=False)

    box = Mailbox()
    port = free_port()
    access = {"authenticator": authenticate, "auth_required": True, "auth_require_tls": False}
    server = Controller(box, "127.0.0.1", port, **access)
    server.start()
    yield box, port
    server.stop()


def test_alerts_are_mailed_and_what_one_way_took_is_not_told_there_again(outbox, mailbox, receiver):
    box, port = mailbox
    settings = Settings(
        alert_webhook=receiver.url,
        alert_email_to="ann@example.org, bob@example.org",
        alert_email_from="shop@example.org",
        smtp_port=port,
        smtp_user="retail",
        smtp_password="wrong",
        smtp_tls="none",
    )
    both = configured(settings)
    outbox.put(FIRST, both)
    told, problems = outbox.tell(both)
    assert told == 1
    assert problems == ["e-mail: the server refused the log-in (535)"]
    right = configured(settings.model_copy(update={"smtp_password": Settings(smtp_password="hunter2").smtp_password}))
    assert outbox.tell(right) == (1, [])
    assert len(receiver.texts) == 1
    (mail,) = box.mails
    assert (mail["subject"], mail["from"]) == ("one", "shop@example.org")
    assert mail["to"] == "ann@example.org, bob@example.org"
    assert mail.get_payload(decode=True).decode().strip() == FIRST.text


def test_a_password_that_no_mail_server_can_take_keeps_nobody_else_from_being_told(outbox, mailbox, receiver):
    settings = Settings(
        alert_webhook=receiver.url,
        alert_email_to="ann@example.org",
        smtp_port=mailbox[1],
        smtp_user="retail",
        smtp_password="größer",
        smtp_tls="none",
    )
    both = configured(settings)
    for alert in (FIRST, SECOND):
        outbox.put(alert, both)
    told, problems = outbox.tell(both)
    assert (told, set(problems)) == (2, {"e-mail: a log-in to a mail server has no letters beyond ASCII"})
    assert len(receiver.texts) == 2


def test_a_mail_server_without_encryption_is_told_nothing_where_encryption_is_asked_for(mailbox):
    box, port = mailbox
    with pytest.raises(ways.Unanswered, match="SMTPNotSupportedError"):
        Email(Settings(smtp_port=port, smtp_tls="starttls"), ["ann@example.org"]).tell(a_test())
    assert not box.mails


def test_a_test_message_goes_every_way_that_is_set_and_says_where_it_did_not_arrive(receiver, monkeypatch):
    def tried() -> tuple[int, str]:
        result = CliRunner().invoke(main, ["alerts", "test"])
        return result.exit_code, result.output

    assert tried() == (2, "retail: nobody is told: set RETAIL_ALERT_WEBHOOK or RETAIL_ALERT_EMAIL_TO\n")
    monkeypatch.setenv("RETAIL_ALERT_WEBHOOK", receiver.url)
    assert tried() == (0, "webhook: taken\n")
    assert "This is a test" in receiver.texts[0]
    receiver.status = 404
    assert tried() == (1, "retail: webhook: answered 404\n")
