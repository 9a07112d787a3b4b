"""`reconcile completion SHELL`: what teaches a shell to complete the command."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from reconciler.cli.exits import ExitCode
from reconciler.cli.output import Output
from reconciler.cli.project_flags import CompletionFlags, Shell

# Each asks the command in the same way: COMP_WORDS holds the line up to the cursor, COMP_CWORD the number of the word
# that is being typed; the answers are lines.

_BASH = r"""
_reconcile_completion() {
    local line="${COMP_LINE:0:COMP_POINT}" IFS=$' \t\n' words word done
    read -ra words <<< "$line"
    [[ "$line" == *[[:space:]] ]] && words+=("")
    word="${words[-1]}"
    # Bash ends a word at each : @ and =; what stands before the last of them is on the line already.
    done="${word%"${word##*[:@=]}"}"
    IFS=$'\n'
    COMPREPLY=($(COMP_WORDS="$line" COMP_CWORD=$((${#words[@]} - 1)) \
        _RECONCILE_COMPLETE=complete_bash "$1" 2>/dev/null))
    COMPREPLY=("${COMPREPLY[@]#"$done"}")
}
complete -o default -F _reconcile_completion reconcile
"""

_ZSH = r"""
#compdef reconcile
_reconcile() {
    local -a found
    found=("${(@f)$(COMP_WORDS="${words[1,CURRENT]}" COMP_CWORD=$((CURRENT - 1)) \
        _RECONCILE_COMPLETE=complete_bash "${words[1]}" 2>/dev/null)}")
    if [[ -n "${found[1]}" ]]; then compadd -- "${found[@]}"; else _files; fi
}
if [[ "${funcstack[1]}" == _reconcile ]]; then _reconcile "$@"; else compdef _reconcile reconcile; fi
"""

_FISH = r"""
function __reconcile_complete
    set -lx COMP_WORDS (commandline -cp | string collect)
    set -lx COMP_CWORD (count (commandline -opc))
    set -lx _RECONCILE_COMPLETE complete_bash
    reconcile 2>/dev/null
end
complete --command reconcile --arguments "(__reconcile_complete)"
"""

_SCRIPTS: Mapping[Shell, str] = MappingProxyType({Shell.BASH: _BASH, Shell.ZSH: _ZSH, Shell.FISH: _FISH})


def run(flags: CompletionFlags, output: Output) -> ExitCode:
    """Print the shell's script."""
    output.result(_SCRIPTS[flags.shell].strip("\n"))
    return ExitCode.DONE
