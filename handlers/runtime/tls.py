"""How the functions check the certificates of AWS."""

import os
import ssl
from functools import cache


@cache
def tls_context() -> ssl.SSLContext:
    """What every connection is opened with. Loading the trusted certificates takes 15 ms, so it happens once."""
    context = ssl.create_default_context()
    # The variable with which the SDKs of AWS are told of a proxy's certificate.
    # https://docs.aws.amazon.com/sdkref/latest/guide/feature-gen-config.html
    if bundle := os.environ.get("AWS_CA_BUNDLE"):
        context.load_verify_locations(bundle)
    return context
