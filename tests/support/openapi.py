"""Checks exchanges with vendors' APIs (real requests, the stand-ins' answers) against OpenAPI descriptions.

The folder of descriptions comes from `RECONCILER_TEST_SPECS`. Wrap any client's transport in `RecordingTransport`, then
ask `Conformance.problems(exchanges)`: a request that was accepted and every answer must be as described. Where a
description lags behind its vendor, an `Allowance` says so, and why (`tests.support.allowances`).
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx2 as httpx
from jsonschema import Draft4Validator
from openapi_core import (
    Config,
    OpenAPI,
    V30RequestValidator,
    V30ResponseValidator,
    V31RequestValidator,
    V31ResponseValidator,
)
from openapi_core.datatypes import RequestParameters
from openapi_core.exceptions import OpenAPIError
from werkzeug.datastructures import Headers, ImmutableMultiDict

from reconciler.core.model import Json
from tests.support.allowances import ALLOWANCES, Allowance

VARIABLE = "RECONCILER_TEST_SPECS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """A request and its answer. `url` is what the client asked, with the stand-in's root in its path."""

    method: str
    url: str
    request_headers: Mapping[str, str] = field(repr=False)
    request_body: bytes = field(repr=False)
    status: int
    response_headers: Mapping[str, str] = field(repr=False)
    response_body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Described:
    """Where a stand-in is mounted, and what that root is called in the description."""

    file: str
    root: str
    described_root: str
    host: str


_PROVIDERS = {
    "github": _Described("github.json", "/github", "", "https://api.github.com"),
    "gitlab": _Described("gitlab-v4.json", "/gitlab/api/v4", "/api/v4", "https://gitlab.com"),
    "telegram": _Described("telegram.json", "/telegram", "", "https://api.telegram.org"),
    "stripe": _Described("stripe.json", "/stripe/v1", "/v1", "https://api.stripe.com"),
    "gitea": _Described("gitea.json", "/gitea/api/v1", "/api/v1", "https://gitea.com"),
    "bitbucket": _Described("bitbucket.json", "/bitbucket/2.0", "/2.0", "https://api.bitbucket.org"),
    "asana": _Described("asana.json", "/asana/api/1.0", "/api/1.0", "https://app.asana.com"),
    "vercel": _Described("vercel.json", "/vercel", "", "https://api.vercel.com"),
}


def specs_folder() -> Path | None:
    """The folder of descriptions, where the environment names one."""
    folder = os.environ.get(VARIABLE)
    return Path(folder) if folder else None


class RecordingTransport(httpx.AsyncBaseTransport):
    """A transport that remembers every exchange that went through it."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.exchanges: list[Exchange] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        answer = await self._inner.handle_async_request(request)
        await answer.aread()
        self.exchanges.append(
            Exchange(
                method=request.method,
                url=str(request.url),
                request_headers=dict(request.headers),
                request_body=body,
                status=answer.status_code,
                response_headers=dict(answer.headers),
                response_body=answer.content,
            )
        )
        return answer


class Conformance:
    """The descriptions of a folder, loaded when first needed."""

    def __init__(self, folder: Path, allowances: Sequence[Allowance] = ALLOWANCES) -> None:
        self._folder = folder
        self._allowances = allowances
        self._loaded: dict[str, _OpenApi3 | _Swagger2] = {}

    def problems(self, exchanges: Iterable[Exchange]) -> list[str]:
        """Everything that is not as described and not allowed for, one line each."""
        return [problem for exchange in exchanges for problem in self._judge(exchange)]

    def _judge(self, exchange: Exchange) -> list[str]:
        parts = urlsplit(exchange.url)
        provider = parts.path.split("/")[1]
        described = _PROVIDERS.get(provider)
        if described is None:
            return []
        path = described.described_root + parts.path.removeprefix(described.root)
        description = self._description(provider, described)
        found = description.problems(exchange, path, parse_qsl(parts.query, keep_blank_values=True))
        return [
            f"{exchange.method} {path} -> {exchange.status}: {message}"
            for message in found
            if not any(gap.covers(provider, exchange.method, path, message) for gap in self._allowances)
        ]

    def _description(self, provider: str, described: _Described) -> _OpenApi3 | _Swagger2:
        if provider not in self._loaded:
            document = json.loads((self._folder / described.file).read_text(encoding="utf-8"))
            self._loaded[provider] = _Swagger2(document) if "swagger" in document else _OpenApi3(document, described)
        return self._loaded[provider]


# -- OpenAPI 3, by openapi-core --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Request:
    host_url: str
    path: str
    method: str
    parameters: RequestParameters
    content_type: str
    body: bytes | None


@dataclass(slots=True)
class _Response:
    status_code: int
    content_type: str
    headers: Headers
    data: bytes | None


class _OpenApi3:
    def __init__(self, document: Json, described: _Described) -> None:
        prepared = _prepared(document)
        prepared.setdefault("servers", [{"url": described.host}])
        self._host = described.host
        newer = str(prepared["openapi"]).startswith("3.1")
        form: dict[str, Any] = {"application/x-www-form-urlencoded": _bracketed, "multipart/form-data": _multipart}
        self._api = OpenAPI.from_dict(
            prepared,
            config=Config(
                request_validator_cls=V31RequestValidator if newer else V30RequestValidator,
                response_validator_cls=V31ResponseValidator if newer else V30ResponseValidator,
                extra_media_type_deserializers=form,
            ),
        )

    def problems(self, exchange: Exchange, path: str, query: list[tuple[str, str]]) -> list[str]:
        headers = {key.title(): value for key, value in exchange.request_headers.items()}
        request = _Request(
            host_url=self._host,
            path=path,
            method=exchange.method.lower(),
            parameters=RequestParameters(query=ImmutableMultiDict(query), header=Headers(headers)),
            content_type=exchange.request_headers.get("content-type", ""),
            body=exchange.request_body or None,
        )
        response = _Response(
            status_code=exchange.status,
            content_type=exchange.response_headers.get("content-type", "application/json"),
            headers=Headers(dict(exchange.response_headers)),
            data=exchange.response_body or None,
        )
        found: list[str] = []
        if exchange.status < 300:
            found += _told(lambda: self._api.validate_request(request))
        found += _told(lambda: self._api.validate_response(request, response))
        return [message for message in found if exchange.status != 404 or "not found for" not in message]


def _told(check: Callable[[], object]) -> list[str]:
    """What a check complains about; each breach of a schema apart, so that an allowance for one hides no other."""
    try:
        check()
    except OpenAPIError as error:
        whole = [str(error)]
        cause = error.__cause__
        while cause is not None:
            if breaches := list(getattr(cause, "schema_errors", ())):
                return [f"{type(error).__name__}: {breach.json_path}: {breach.message}" for breach in breaches]
            whole.append(str(cause))
            cause = cause.__cause__
        return ["; ".join(whole)]
    return []


def _bracketed(body: bytes, **_parameters: str) -> Json:
    """A URL-encoded form whose names have brackets (`a[]`, `a[0]`, `a[k]`), as the document that it stands for."""
    document: dict[str, Any] = {}
    for name, text in parse_qsl(body.decode(), keep_blank_values=True):
        value: Json = {"true": True, "false": False}.get(text, text)
        head, bracket, key = name.partition("[")
        key = key.rstrip("]")
        if not bracket:
            document[head] = value
        elif not key or key.isdigit():
            document.setdefault(head, []).append(text)
        else:
            document.setdefault(head, {})[key] = text
    return document


def _multipart(body: bytes, **parameters: str) -> Json:
    """A multipart form as the document that it stands for: numbers and lists come as their JSON text."""
    head = f"Content-Type: multipart/form-data; boundary={parameters['boundary']}\r\n\r\n"
    message = BytesParser(policy=HTTP).parsebytes(head.encode() + body)
    document: dict[str, Any] = {}
    for part in message.iter_parts():
        text = part.get_content().rstrip("\r\n")
        structured = text.startswith(("[", "{")) or text.isdigit()
        document[str(part.get_param("name", header="content-disposition"))] = json.loads(text) if structured else text
    return document


def _prepared(document: Json) -> dict[str, Any]:
    """The description without what openapi-core cannot judge.

    That is deepObject (`_bracketed` decodes such forms, and it has none for arrays), OAuth beside other schemes, and
    whether a parameter may be empty, which is deprecated.
    """
    copy: dict[str, Any] = deepcopy(document)
    for parameter in copy.get("components", {}).get("parameters", {}).values():
        parameter.pop("allowEmptyValue", None)
    schemes = copy.get("components", {}).get("securitySchemes", {})
    unjudged = {name for name, scheme in schemes.items() if scheme["type"] == "oauth2"}
    for operation in (item for path in copy["paths"].values() for item in path.values() if isinstance(item, dict)):
        parameters = operation.get("parameters", [])
        operation["parameters"] = [item for item in parameters if item.get("style") != "deepObject"]
        if "security" in operation:
            operation["security"] = [item for item in operation["security"] if unjudged.isdisjoint(item)]
        for media in operation.get("requestBody", {}).get("content", {}).values():
            media.pop("encoding", None)
    return copy


# -- Swagger 2.0, by JSON Schema -------------------------------------------------------------------------------------


class _Swagger2:
    """GitLab's description. Its generator writes three things that no answer is like; `_mended` mends them."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self._definitions = _mended(document["definitions"])

    @cached_property
    def _paths(self) -> list[tuple[re.Pattern[str], dict[str, Any]]]:
        return [
            (re.compile(re.sub(r"\{[^/]+\}", "[^/]+", template)), operations)
            for template, operations in self._document["paths"].items()
        ]

    def problems(self, exchange: Exchange, path: str, query: list[tuple[str, str]]) -> list[str]:
        operation = next(
            (
                operations[exchange.method.lower()]
                for pattern, operations in self._paths
                if pattern.fullmatch(path) and exchange.method.lower() in operations
            ),
            None,
        )
        if operation is None:
            return [] if exchange.status == 404 else [f"{unquote(path)} is not described"]
        found = self._request_problems(exchange, operation, query) if exchange.status < 300 else []
        response = operation["responses"].get(str(exchange.status))
        if response is None:
            return [*found, f"status {exchange.status} is not described"]
        if "schema" in response:
            found += self._schema_problems(response["schema"], json.loads(exchange.response_body), "answer")
        return found

    def _request_problems(
        self, exchange: Exchange, operation: Mapping[str, Any], query: list[tuple[str, str]]
    ) -> list[str]:
        keys = self._document.get("securityDefinitions", {}).values()
        known = {item["name"] for item in (*operation.get("parameters", ()), *keys) if item["in"] == "query"}
        found = [f"query parameter {name} is not described" for name, _ in query if name not in known]
        for item in operation.get("parameters", ()):
            if item["in"] == "body":
                if exchange.request_headers.get("content-type") != "application/json":
                    return [*found, "the body is not JSON"]
                found += self._schema_problems(item["schema"], json.loads(exchange.request_body), "request")
        return found

    def _schema_problems(self, schema: Mapping[str, Any], document: Json, where: str) -> list[str]:
        whole = {**schema, "definitions": self._definitions}
        return [f"{where} {error.json_path}: {error.message}" for error in Draft4Validator(whole).iter_errors(document)]


def _mended(definitions: Json) -> dict[str, Any]:
    copy: dict[str, Any] = deepcopy(definitions)
    for name, definition in copy.items():
        for key, schema in definition.get("properties", {}).items():
            if schema.get("type") == "symbol":  # a Ruby type that leaked; "Project webhooks API" shows a string
                schema["type"] = "string"
            if key in {"id", "project_id"}:  # the same page shows numbers
                schema["type"] = "integer"
            if name.startswith("API_Entities") and schema.get("type") == "string":  # nulls, as the page shows them
                schema["type"] = ["string", "null"]
    return copy
