"""What stands in the PATH of the documentation's shell for programs that a test must not run as they are.

The first argument is the program's name. `reconcile` is the command itself, at the sandbox's port of the test.
Installing is left out, for the wheel is installed and run by `scripts/check_wheel.sh`. What would speak to a host
beyond this machine only has its files looked at.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

from reconciler.cli.main import main


def reconcile(arguments: list[str]) -> int:
    """Run the command; its exit code is noted."""
    port, overlay = os.environ["DOCS_PORT"], os.environ["DOCS_OVERLAY"]
    match arguments:
        case ["sandbox", "fire" | "requests", *rest] if "--url" not in rest:
            arguments = [*arguments, "--url", f"http://127.0.0.1:{port}"]
        case ["sandbox", *rest] if "--port" not in rest and not {"fire", "requests"} & {*rest}:
            arguments = [*arguments, "--port", port]
    if overlay and arguments[:1] != ["sandbox"]:
        arguments = ["-f", "reconciler.yaml", "-f", overlay, *arguments]
    code = one_pass(arguments) if "daemon" in arguments else itself(arguments)
    with Path(os.environ["DOCS_CODES"]).open("a", encoding="utf-8") as file:
        file.write(f"{code} {' '.join(arguments)}\n")
    return code


def itself(arguments: list[str]) -> int:
    """The command, in this process: a signal to it is a signal to the command."""
    sys.argv = ["reconcile", *arguments]
    try:
        main()
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def one_pass(arguments: list[str]) -> int:
    """Let the daemon do one pass, then ask it to end; 0 where it drained as it should."""
    command = [sys.executable, "-m", "reconciler", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603 - our own command
        assert process.stderr is not None
        for line in process.stderr:
            if re.match(r"(In sync|Applied)", line):
                process.send_signal(signal.SIGTERM)
    return 0 if process.returncode == 128 + signal.SIGTERM else process.returncode


def pip(arguments: list[str]) -> int:
    """Installing what the package is called, or the folder that holds it."""
    wanted = [argument for argument in arguments[1:] if not argument.startswith("-")]
    return (
        0
        if all(re.fullmatch(r"\.|webhook-reconciler(\[(sandbox|postgres)\])?|fastapi", each) for each in wanted)
        else 2
    )


def python(arguments: list[str]) -> int:
    """Python, but for making an environment: this one is there already."""
    if arguments[:2] != ["-m", "venv"]:
        os.execv(sys.executable, [sys.executable, *arguments])  # noqa: S606 - a program of the documentation
    folder = Path(arguments[2]) / "bin"
    folder.mkdir(parents=True)
    (folder / "activate").touch()
    return 0


def gh(arguments: list[str]) -> int:
    """Posting a comment: its file must be there, and fit."""
    body = Path(arguments[arguments.index("--body-file") + 1])
    return 0 if 0 < len(body.read_text(encoding="utf-8")) <= 65_536 else 2


def curl(arguments: list[str]) -> int:
    """To this machine as it is; elsewhere, the file of what would be sent must be there."""
    if any("127.0.0.1" in argument for argument in arguments):
        os.execv("/usr/bin/curl", ["curl", *arguments])  # noqa: S606 - a command of the documentation
    files = [argument.partition("@")[2] for argument in arguments if argument.startswith("body@")]
    return 0 if files and all(Path(file).read_text(encoding="utf-8") for file in files) else 2


def uvicorn(arguments: list[str]) -> int:
    """The server, as a package of this Python."""
    os.execv(sys.executable, [sys.executable, "-m", "uvicorn", *arguments])  # noqa: S606 - a program of the documentation


PROGRAMS = {
    "reconcile": reconcile,
    "pip": pip,
    "python": python,
    "python3": python,
    "gh": gh,
    "curl": curl,
    "uvicorn": uvicorn,
}

if __name__ == "__main__":
    sys.exit(PROGRAMS[sys.argv[1]](sys.argv[2:]))
