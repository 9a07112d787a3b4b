"""The shape of ingress URLs."""

import pytest

from reconciler.core.ingress_url import ingress_url, webhook_id_in
from tests.support.builders import BASE_URL, webhook_id

ID = webhook_id(1)


def test_the_url_holds_provider_and_id() -> None:
    """The shape is fixed: base, provider, id."""
    assert ingress_url("https://hooks.acme.dev/", "acme", ID) == f"https://hooks.acme.dev/webhooks/acme/{ID}"


@pytest.mark.parametrize(
    "url",
    [
        f"{BASE_URL}/webhooks/acme/{ID}",
        f"HTTPS://Hooks.Example.com/webhooks/acme/{ID}",
        f"https://hooks.example.com:443/webhooks/acme/{ID}",
    ],
)
def test_vendors_may_rewrite_case_and_default_ports(url: str) -> None:
    """A URL is ours by what it means, not by its spelling."""
    assert webhook_id_in(url, "acme", [BASE_URL]) == ID


@pytest.mark.parametrize(
    "url",
    [
        f"https://other.example.com/webhooks/acme/{ID}",
        f"http://hooks.example.com/webhooks/acme/{ID}",
        f"{BASE_URL}:8443/webhooks/acme/{ID}",
        f"{BASE_URL}/prefix/webhooks/acme/{ID}",
        f"{BASE_URL}/webhooks/other/{ID}",
        f"{BASE_URL}/webhooks/acme/not-a-uuid",
        f"{BASE_URL}/webhooks/acme/{ID}/more",
        f"https://hooks.example.com:port/webhooks/acme/{ID}",
        f"/webhooks/acme/{ID}",
        "",
    ],
)
def test_what_is_not_ours_is_nobody_s(url: str) -> None:
    """Another host, scheme, port, path, provider or id is not a URL of ours."""
    assert webhook_id_in(url, "acme", [BASE_URL]) is None
