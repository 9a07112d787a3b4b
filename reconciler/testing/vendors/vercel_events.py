"""The events of Vercel's webhooks, and short bodies of them.

Written from "Webhooks API Reference" and the list of events in Vercel's SDK.
"""

from __future__ import annotations

from reconciler.core.model import Json
from reconciler.testing.vendors.base import names

TYPES = names("""
    ai-gateway.auto-reload.limit-reached ai-gateway.balance-depleted alerts.triggered botid.anomaly budget.reached
    comment.created comment.deleted comment.mentioned comment.reaction-added comment.reaction-removed comment.resolved
    comment.unresolved comment.updated deployment deployment-canceled deployment-check-rerequested
    deployment-checks-completed deployment-error deployment-prepared deployment-ready deployment.blocked
    deployment.build-requested deployment.canceled deployment.check-rerequested deployment.checkrun.cancel
    deployment.checkrun.start deployment.checks.failed deployment.checks.succeeded deployment.cleanup
    deployment.created deployment.error deployment.integration.action.cancel deployment.integration.action.cleanup
    deployment.integration.action.start deployment.promoted deployment.ready deployment.rollback deployment.succeeded
    domain-created domain.auto-renew.changed domain.certificate.add domain.certificate.add.failed
    domain.certificate.deleted domain.certificate.renew domain.certificate.renew.failed domain.created
    domain.dns.records.changed domain.renewal domain.renewal.failed domain.transfer-in.completed
    domain.transfer-in.failed domain.transfer-in.started edge-config.created edge-config.deleted
    edge-config.items.updated firewall.attack firewall.custom-rule-anomaly firewall.system-rule-anomaly flag.created
    flag.deleted flag.segment.created flag.segment.deleted flag.segment.updated flag.updated
    function.archival-required function.removal-required integration-configuration-permission-updated
    integration-configuration-removed integration-configuration-scope-change-confirmed
    integration-configuration.permission-upgraded integration-configuration.removed
    integration-configuration.scope-change-confirmed integration-configuration.transferred
    integration-resource.project-connected integration-resource.project-disconnected marketplace.invoice.created
    marketplace.invoice.notpaid marketplace.invoice.overdue marketplace.invoice.paid marketplace.invoice.refunded
    marketplace.member.changed message.created message.deleted message.mentioned message.reaction-added
    message.reaction-removed message.updated observability.anomaly observability.anomaly-error
    observability.error-anomaly observability.usage-anomaly project-created project-removed project.created
    project.domain.created project.domain.deleted project.domain.moved project.domain.unverified
    project.domain.updated project.domain.verified project.env-variable.created project.env-variable.deleted
    project.env-variable.updated project.removed project.renamed project.rolling-release.aborted
    project.rolling-release.approved project.rolling-release.completed project.rolling-release.started test-webhook
    thread.resolved thread.unresolved
""")


def payload(event: str, team: str | None, project: str) -> dict[str, Json]:
    """What a delivery holds under `payload`; `team` is null where a user owns the webhook."""
    common: dict[str, Json] = {"team": {"id": team}, "user": {"id": "zTuNVUXEAvvnNN3IaqinkyMw"}}
    if event.startswith("deployment"):
        deployment = {"id": "dpl_8xSWTUYCqhWUTXMcn3zXWTs4dQKG", "name": "sandbox", "url": "sandbox-1.vercel.app"}
        links = {"deployment": "https://vercel.com/acme/sandbox/1", "project": "https://vercel.com/acme/sandbox"}
        rest = {"target": "production", "plan": "pro", "regions": ["iad1"], "project": {"id": project}}
        return {**common, "deployment": {**deployment, "meta": {}}, "links": links, **rest}
    if event.startswith("project"):
        return {**common, "project": {"id": project, "name": "sandbox"}}
    if event.startswith("domain"):
        return {**common, "domain": {"name": "example.com", "delegated": False}}
    return common
