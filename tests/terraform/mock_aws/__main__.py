"""A mock AWS on a free port of the loopback: moto's server, and what moto lacks of the calls that terraform/ makes.

Prints the port, then serves until it is ended. It notes what was asked for (see calls.py) in the file that it is given. What is added here is a store, not a simulation: it keeps what it is
given and gives it back, so that the provider's requests and its reading of the answers are tried.
"""

import os
import sys

os.environ["MOTO_ACM_VALIDATION_WAIT"] = "1"
os.environ["MOTO_IAM_LOAD_MANAGED_POLICIES"] = "true"

import moto.backends  # noqa: F401
from moto.server import ThreadedMotoServer

from . import backup, budgets, calls, cloudfront, cloudwatch, cognito, ec2, eks, iam, rds, s3


def main():
    noted = calls.Calls(sys.argv[1])
    calls.extend(noted)
    backup.extend(noted)
    for service in (budgets, cloudfront, cloudwatch, cognito, ec2, iam, rds, s3):
        service.extend()
    eks.extend(noted)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    # Its starter holds the other end: when that is gone, so is the need for it.
    sys.stdin.read()
    os._exit(0)


main()
