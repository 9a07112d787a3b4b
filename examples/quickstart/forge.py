"""Send an unsigned delivery, as somebody who learnt the URL would; it must be refused.

python examples/quickstart/forge.py URL
"""

import sys

import httpx2

answer = httpx2.post(sys.argv[1], content=b"{}", headers={"X-GitHub-Event": "push"})
if answer.is_success:
    sys.exit(f"a forged delivery was accepted: HTTP {answer.status_code}")
sys.stdout.write(f"refused: HTTP {answer.status_code}\n")
