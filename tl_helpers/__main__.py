"""``python -m tl_helpers doctor``."""

import argparse
import sys


def main(arguments=None) -> int:
    """Run a command of the package; returns the exit status, 0 when all is well."""
    parser = argparse.ArgumentParser(
        prog="python -m tl_helpers", description="Transfer Learning, hands on: the helpers"
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("doctor", help="check packages, devices, data and weights (no network)")
    parser.parse_args(arguments)
    from .doctor import doctor

    return 1 if doctor() else 0


if __name__ == "__main__":
    sys.exit(main())
