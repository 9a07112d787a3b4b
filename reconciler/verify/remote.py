"""Deliveries that the provider itself is asked about.

PayPal ("Verify webhook signature", docs.paypal.ai) is sent the headers, its id of the webhook and the event, and
answers `SUCCESS` or `FAILURE`. The body is put in as it is, byte by byte: what is judged is what was delivered.
"""

from __future__ import annotations

import json

from reconciler.core.model import Json
from reconciler.verify.body import DeliveryError, parse_json, search
from reconciler.verify.message import Inputs, build
from reconciler.verify.places import raw_at
from reconciler.verify.public_scheme import RemoteScheme
from reconciler.verify.request import (
    ACCEPTED,
    Facts,
    Fetched,
    Need,
    NeedKind,
    Request,
    Verdict,
    refused,
    undecided,
)
from reconciler.verify.times import stale


def verify_remotely(scheme: RemoteScheme, request: Request, now: float, facts: Facts) -> Verdict | Need:
    """What the provider says of a delivery; first, what to ask."""
    question = _question(scheme, request, now, facts)
    if isinstance(question, Verdict):
        return question
    answer = facts.fetched.get(question)
    return question if answer is None else _judged(scheme, answer)


def _question(scheme: RemoteScheme, request: Request, now: float, facts: Facts) -> Need | Verdict:
    if scheme.stamp is not None:
        told = raw_at(scheme.stamp.place, request)
        refusal = told if isinstance(told, Verdict) else stale(told, scheme.stamp.unit, scheme.stamp.tolerance, now)
        if refusal is not None:
            return refusal
    try:
        parse_json(request.body)
    except DeliveryError as error:
        return refused(str(error))
    inputs = Inputs(request=request, facts=facts, values=scheme.values)
    fields: dict[str, str] = {}
    for name, message in scheme.fields.items():
        value = build(message, inputs)
        if isinstance(value, Verdict):
            return value
        fields[name] = value.decode("latin-1")
    head = json.dumps(fields).removesuffix("}") + (", " if fields else "")
    body = f"{head}{json.dumps(scheme.payload)}: ".encode() + request.body + b"}"
    return Need(
        kind=NeedKind.ANSWER,
        url=scheme.path,
        of_api=True,
        method="POST",
        media_type="application/json",
        body=body,
    )


def _judged(scheme: RemoteScheme, answer: Fetched) -> Verdict:
    try:
        said: Json = parse_json(answer.body) if answer.ok else None
    except DeliveryError:
        said = None
    genuine, forged = search(scheme.genuine, said) is True, search(scheme.forged, said) is True
    if genuine == forged:
        return undecided("the provider did not say whether it sent this")
    return ACCEPTED if genuine else refused("the provider says that it did not send this")
