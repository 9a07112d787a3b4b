"""What tests are made with, here and in users' projects: stand-ins, the sandbox, and the contract of providers."""
