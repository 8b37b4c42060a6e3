"""The ways by which alerts are told: a webhook and e-mail."""

import logging
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Protocol

from pydantic import SecretStr

from retail_pipeline.alerts.alert import Alert, a_test
from retail_pipeline.errors import BadInput
from retail_pipeline.settings import Settings

SECONDS_TO_ANSWER = 10


class Unanswered(Exception):
    """Nobody took the alert: it is tried again at the next look, before any other."""


class Declined(Exception):
    """Somebody answered, and didn't take this alert: others may have more luck in the meantime."""


class Channel(Protocol):
    """A way by which alerts are told. Its errors never hold an address or a password."""

    name: str

    def tell(self, alert: Alert) -> None:
        """Returns when the alert was taken; raises Unanswered or Declined."""


def configured(settings: Settings) -> list[Channel]:
    """The channels that the settings name."""
    found: list[Channel] = []
    if url := settings.alert_webhook.get_secret_value():
        found.append(Webhook(SecretStr(url)))
    if receivers := [address.strip() for address in settings.alert_email_to.split(",") if address.strip()]:
        found.append(Email(settings, receivers))
    return found


def try_all(settings: Settings) -> dict[str, str | None]:
    """Tells a test message by every channel: why it didn't take it, by the channel's name, and None where it did.

    Raises BadInput where the settings name no channel.
    """
    channels = configured(settings)
    if not channels:
        raise BadInput("nobody is told: set RETAIL_ALERT_WEBHOOK or RETAIL_ALERT_EMAIL_TO")
    return {channel.name: _failure(channel, a_test()) for channel in channels}


def _failure(channel: Channel, alert: Alert) -> str | None:
    try:
        channel.tell(alert)
    except (Unanswered, Declined) as reason:
        return str(reason)
    return None


@dataclass(frozen=True)
class Webhook:
    """Posts `{"text": ...}`, as Slack's incoming webhooks take it, and many others in their wake."""

    url: SecretStr
    name = "webhook"

    def tell(self, alert: Alert) -> None:
        import httpx2 as httpx

        logging.getLogger("httpx2").setLevel(logging.WARNING)  # it would log the URL, which is as good as a password
        try:
            answer = httpx.post(
                self.url.get_secret_value(),
                json={"text": _escaped(alert.text)},
                headers={"Idempotency-Key": alert.key},
                timeout=SECONDS_TO_ANSWER,
            )
        except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
            raise Declined("webhook: RETAIL_ALERT_WEBHOOK is not a URL that can be posted to") from None
        except httpx.TimeoutException:
            raise Unanswered(f"webhook: no answer within {SECONDS_TO_ANSWER} s") from None
        except httpx.HTTPError as error:
            raise Unanswered(f"webhook: {type(error).__name__}") from None
        if answer.status_code >= 500 or answer.status_code == 429:
            raise Unanswered(f"webhook: answered {answer.status_code}")
        if not answer.is_success:
            raise Declined(f"webhook: answered {answer.status_code}")


def _escaped(text: str) -> str:
    """As Slack wants it: a file named <!channel> must not call everybody."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Email:
    """Mails alerts as text."""

    name = "e-mail"

    def __init__(self, settings: Settings, receivers: list[str]):
        self._settings, self._receivers = settings, receivers

    def tell(self, alert: Alert) -> None:
        try:
            with self._server() as server:
                self._log_in(server)
                server.send_message(self._message(alert))
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPSenderRefused, smtplib.SMTPDataError) as error:
            raise Declined(f"e-mail: {type(error).__name__}") from None
        except smtplib.SMTPAuthenticationError as error:
            raise Unanswered(f"e-mail: the server refused the log-in ({error.smtp_code})") from None
        except UnicodeError:
            raise Unanswered("e-mail: a log-in to a mail server has no letters beyond ASCII") from None
        except (smtplib.SMTPException, OSError) as error:
            raise Unanswered(f"e-mail: {type(error).__name__}") from None

    def _server(self) -> smtplib.SMTP:
        place = {"host": self._settings.smtp_host, "port": self._settings.smtp_port, "timeout": SECONDS_TO_ANSWER}
        if self._settings.smtp_tls == "tls":
            return smtplib.SMTP_SSL(**place, context=ssl.create_default_context())
        return smtplib.SMTP(**place)

    def _log_in(self, server: smtplib.SMTP) -> None:
        if self._settings.smtp_tls == "starttls":
            server.starttls(context=ssl.create_default_context())
        if self._settings.smtp_user:
            server.login(self._settings.smtp_user, self._settings.smtp_password.get_secret_value())

    def _message(self, alert: Alert) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = alert.subject
        message["From"] = self._settings.alert_email_from or self._receivers[0]
        message["To"] = ", ".join(self._receivers)
        message["Message-ID"] = f"<{alert.key}@retail-pipeline>"  # a mail server drops what it has had before
        message.set_content(alert.text)
        return message
