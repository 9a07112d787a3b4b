"""`reconcile providers [NAME]`: what each provider can do."""

from __future__ import annotations

from reconciler.cli.exits import ExitCode
from reconciler.cli.flags import ReviewFormat
from reconciler.cli.flags_review import ProvidersFlags
from reconciler.cli.inputs import inputs_of
from reconciler.cli.output import Output
from reconciler.render.capabilities import card_json, card_markdown, card_text, matrix_markdown, matrix_text
from reconciler.wiring.capabilities import cards, definitions_of


def run(flags: ProvidersFlags, output: Output) -> ExitCode:
    """Show the matrix, or one provider in full."""
    found = cards(definitions_of(inputs_of(flags, output)), flags.name)
    match flags.format:
        case ReviewFormat.JSON:
            output.document({"providers": [card_json(card) for card in found]})
        case ReviewFormat.MARKDOWN:
            output.result(card_markdown(found[0]) if flags.name else matrix_markdown(found))
        case ReviewFormat.TEXT:
            output.result(card_text(found[0], output.painter) if flags.name else matrix_text(found, output.painter))
    return ExitCode.DONE
