"""The part of Linear's GraphQL schema that webhooks need, the types of resources, and short bodies of deliveries.

Written from the types in Linear's SDK and from "Webhooks" in Linear's developer documents.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.core.model import Json

RESOURCE_TYPES = (
    "AgentSessionEvent",
    "AppUserNotification",
    "Attachment",
    "Comment",
    "Customer",
    "CustomerNeed",
    "Cycle",
    "Document",
    "Initiative",
    "InitiativeUpdate",
    "Issue",
    "IssueLabel",
    "IssueSLA",
    "OAuthAuthorization",
    "PermissionChange",
    "Project",
    "ProjectLabel",
    "ProjectUpdate",
    "Reaction",
    "Release",
    "ReleaseNote",
    "User",
)

_PAGE = "after: String, before: String, first: Int, includeArchived: Boolean, last: Int, orderBy: PaginationOrderBy"

SDL = f"""
scalar DateTime

enum PaginationOrderBy {{ createdAt updatedAt }}

type PageInfo {{ hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }}
type Organization {{ id: ID! name: String! urlKey: String! }}
type User {{ id: ID! name: String! organization: Organization! }}
type Team {{ id: ID! key: String! name: String! webhooks({_PAGE}): WebhookConnection! }}

type Webhook {{
  id: ID!
  label: String
  url: String
  enabled: Boolean!
  team: Team
  teamIds: [String!]
  allPublicTeams: Boolean!
  resourceTypes: [String!]!
  secret: String
  creator: User
  createdAt: DateTime!
  updatedAt: DateTime!
  archivedAt: DateTime
}}
type WebhookEdge {{ cursor: String! node: Webhook! }}
type WebhookConnection {{ edges: [WebhookEdge!]! nodes: [Webhook!]! pageInfo: PageInfo! }}
type WebhookPayload {{ lastSyncId: Float! webhook: Webhook! success: Boolean! }}
type WebhookRotateSecretPayload {{ lastSyncId: Float! secret: String! success: Boolean! }}
type DeletePayload {{ lastSyncId: Float! entityId: String! success: Boolean! }}

input WebhookCreateInput {{
  id: String
  label: String
  url: String!
  enabled: Boolean
  secret: String
  teamId: String
  allPublicTeams: Boolean
  resourceTypes: [String!]!
}}
input WebhookUpdateInput {{ label: String url: String enabled: Boolean secret: String resourceTypes: [String!] }}

type Query {{
  organization: Organization!
  viewer: User!
  team(id: String!): Team!
  webhook(id: String!): Webhook!
  webhooks({_PAGE}): WebhookConnection!
}}
type Mutation {{
  webhookCreate(input: WebhookCreateInput!): WebhookPayload!
  webhookUpdate(id: String!, input: WebhookUpdateInput!): WebhookPayload!
  webhookDelete(id: String!): DeletePayload!
  webhookRotateSecret(id: String!): WebhookRotateSecretPayload!
}}
"""


def body(kind: str, action: str, team: Mapping[str, Json], now: str) -> dict[str, Json]:
    """The body of a delivery for a resource of `kind`, without the marks that every delivery has."""
    identifier = "2174add1-f7c8-44e3-bbf3-2d60b5ea8bc9"
    data: dict[str, Json] = {"id": identifier, "createdAt": now, "updatedAt": now}
    if kind == "Issue":
        data |= {"title": "Found a bug", "number": 1, "identifier": f"{team['key']}-1", "priority": 0}
        data |= {"team": dict(team), "teamId": team["id"], "state": {"name": "Todo", "type": "unstarted"}}
    elif kind == "Comment":
        data |= {"body": "Me too", "issueId": "539068e2-ae88-4d09-bd75-22eb4a59612f"}
    else:
        data |= {"name": f"A {kind}"}
    content: dict[str, Json] = {
        "action": action,
        "actor": {"id": "b5ea5f1f-8adc-4f52-b4bd-ab4e84cf51ba", "type": "user", "name": "Ada Lovelace"},
        "createdAt": now,
        "data": data,
        "url": f"https://linear.app/sandbox/{kind.lower()}/{identifier}",
        "type": kind,
    }
    return {**content, "updatedFrom": {"updatedAt": now}} if action == "update" else content
