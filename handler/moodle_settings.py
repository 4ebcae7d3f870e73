"""What to enter into Moodle, so that it finds and uses this server."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from urllib.parse import urlsplit

FORM = (
    "Site administration › Plugins › Machine learning backend settings › "
    "Python machine learning backend"
)
SET = "php admin/cli/cfg.php --component=mlbackend_python"


@dataclass(frozen=True)
class Address:
    """Where Moodle reaches the server.

    Parameters
    ----------
    url : str
        Its base, ``https://host``, ``http://host:port`` or ``https://host/path``.
    name : str
        What the address is, where a server has several, for instance "API Gateway".
    seconds : int, optional
        How long a request may take there; None: there is no gateway that limits it.
    """

    url: str
    name: str = ""
    seconds: int | None = None

    def __str__(self) -> str:
        return self.url

    @property
    def host(self) -> str:
        """What Moodle calls host."""
        return urlsplit(self.url).hostname or ""

    @property
    def path(self) -> str:
        """What follows the host, for which Moodle has no setting."""
        return urlsplit(self.url).path.strip("/")

    @property
    def is_https(self) -> bool:
        """Whether Moodle is to use HTTPS."""
        return urlsplit(self.url).scheme == "https"

    @property
    def port(self) -> str:
        """What Moodle is to take for the port: whatever stands there precedes the endpoint."""
        port = urlsplit(self.url).port
        if port is None:
            port = 443 if self.is_https else 80
        return f"{port}/{self.path}" if self.path else str(port)


# Signs in as Moodle would, with what was saved in its settings: "/version" needs no password, so a
# wrong one would be noticed at the end of the first analysis only. An unknown run has an empty log.
CHECK = """\
php -r 'define("CLI_SCRIPT", 1); require "config.php"; $s = get_config("mlbackend_python");
$c = curl_init(($s->secure ? "https" : "http") . "://$s->host:$s->port/evaluationlog?uniqueid=a&dirhash=a&runid=1");
curl_setopt_array($c, [CURLOPT_USERPWD => "$s->username:$s->password", CURLOPT_RETURNTRANSFER => 1]);
$a = curl_exec($c); $n = curl_getinfo($c, CURLINFO_RESPONSE_CODE);
echo $n == 200 ? "All is well: Moodle can sign in." : "It does not work: $n $a " . curl_error($c), "\\n";'"""  # noqa: E501


def form(address: Address, username: str, password: str) -> dict[str, str]:
    """Return what to enter by the labels of Moodle's form, which takes no path."""
    return {
        "Use a server": "yes",
        "Host": address.host,
        "Port": address.port,
        "Use HTTPS": "yes" if address.is_https else "no",
        "Username": username,
        "Password": password,
    }


def line(address: Address, username: str, password: str) -> str:
    """Return the line for the Moodle plugin; users' names and passwords need no escapes."""
    scheme, _, rest = address.url.rstrip("/").partition("://")
    return f"{scheme}://{username}:{password}@{rest}"


def commands(address: Address, username: str, password: str) -> list[str]:
    """Return the lines that enter the same on Moodle's server, in its folder."""
    settings = {
        "useserver": "1",
        "host": address.host,
        "port": address.port,
        "secure": "1" if address.is_https else "0",
        "username": username,
        "password": password,
    }
    return [f"{SET} --name={name} --set={shlex.quote(value)}" for name, value in settings.items()]
