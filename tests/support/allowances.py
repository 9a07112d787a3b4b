"""Where vendors' OpenAPI descriptions lag behind their vendors, and why each such gap is believed."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """Something that a description does not know although the vendor does it; `message` is a pattern in the problem."""

    provider: str
    why: str
    method: str = "*"
    path: str = ".*"
    message: str = ".*"

    def covers(self, provider: str, method: str, path: str, message: str) -> bool:
        """Whether the problem is this known gap."""
        if (self.provider, self.method) not in {(provider, method), (provider, "*")}:
            return False
        return bool(re.fullmatch(self.path, path) and re.search(self.message, message))


ALLOWANCES: tuple[Allowance, ...] = (
    Allowance(
        provider="github",
        message=r"Unknown response http status: (304|400|401|403)",
        why="any operation may answer so ('Troubleshooting the REST API'); the description lists it for few",
    ),
    Allowance(
        provider="github",
        path=r"/(repos|orgs)/.*/deliveries(/.*)?",
        message=r"Unknown response http status: 404",
        why="what is not there is 404 ('Troubleshooting the REST API'); the description lists it for few",
    ),
    Allowance(
        provider="github",
        path=r"/user",
        message=r"Path not found",
        why="the slice of the description that is at hand has webhooks alone; 'Get the authenticated user' has it",
    ),
    Allowance(
        provider="gitlab",
        path=r"/api/v4/personal_access_tokens/self",
        why="the slice of the description that is at hand has webhooks alone; 'Personal access tokens API' has it",
    ),
    Allowance(
        provider="gitlab",
        path=r"/api/v4/groups/.*",
        why="group hooks belong to the Premium tier and are not in the description; 'Group webhooks API' has them",
    ),
    Allowance(
        provider="gitlab",
        message=r"status (401|404|400|429) is not described",
        why="any operation may answer so ('REST API troubleshooting', status codes)",
    ),
    Allowance(
        provider="gitlab",
        message=r"Additional properties are not allowed \('milestone_events' was unexpected\)",
        why="'Project webhooks API' has it since GitLab 18.2, the description does not",
    ),
    Allowance(
        provider="stripe",
        method="GET",
        path=r"/v1/events(/.*)?",
        message=r"Path not found",
        why="the slice of the description that is at hand has the webhook endpoints alone; 'Events' has it",
    ),
    Allowance(
        provider="telegram",
        method="GET",
        why="'Making requests': GET is supported for every method; the description (Bot API 5.0) has POST only",
    ),
    Allowance(
        provider="telegram",
        method="POST",
        path=r"/bot[^/]+/setWebhook",
        message=r"Content for the following mimetype not found",
        why="'Making requests': JSON and URL-encoded are supported too; the description has multipart only",
    ),
    Allowance(
        provider="telegram",
        method="POST",
        path=r"/bot[^/]+/deleteWebhook",
        message=r"(body is required|required request body|Missing required request body)",
        why="'Making requests': parameters may come in the query, and this method's are optional",
    ),
    Allowance(
        provider="telegram",
        message="Path not found",
        why="'Making requests': all methods are case-insensitive",
    ),
    Allowance(
        provider="stripe",
        method="POST",
        path="/v1/webhook_endpoints",
        message=r"\$\.api_version: .* is not one of",
        why="a conversion to times has spoilt the versions in the description; 'Versioning' names them by date",
    ),
    Allowance(
        provider="stripe",
        message=r"Unknown response http status: (400|401|404)",
        why="'Errors': the description slice keeps the answers of success only",
    ),
    Allowance(
        provider="gitea",
        message=r"Unknown response http status: (401|404|422)",
        why="any operation may answer so (the API handlers in Gitea's source); the description lists it for few",
    ),
    Allowance(
        provider="gitea",
        method="POST",
        message=r"\$\.type: 'forgejo' is not one of",
        why="Forgejo's user guide, 'Webhooks': it has a type of its own beside Gitea's",
    ),
    Allowance(
        provider="bitbucket",
        message=r"Unknown response http status: (400|401)",
        why="'Standardized error responses': any operation may answer so; the description lists 403 and 404 only",
    ),
    Allowance(
        provider="bitbucket",
        message=r"\$.*: '(pullrequest:push|pullrequest:comment_resolved|pullrequest:comment_reopened)' is not one of",
        why="'Event payloads' and the newer description have these events",
    ),
    Allowance(
        provider="asana",
        message=r"last_(success_at|failure_at|failure_content)",
        why="the example of 'Establish a webhook' has null where nothing happened yet; the schema says text",
    ),
    Allowance(
        provider="vercel",
        method="POST",
        message=r"\$\.events\[\d+\]: '[a-z.-]+' is not one of",
        why="a conversion has replaced the names of events with the TypeScript that they come from; the SDK has them",
    ),
    Allowance(
        provider="vercel",
        message=r"\$.*\.events\[\d+\]: '[a-z.-]+' is not one of",
        why="'Webhooks API Reference' has more events than the description",
    ),
    Allowance(
        provider="vercel",
        method="GET",
        path=r"/v1/webhooks",
        message=r"\$: \[.*\] is valid under each of",
        why="an empty list has either form that the description allows",
    ),
)
