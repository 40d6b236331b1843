"""A server on 127.0.0.1 that speaks both vendors' formats and fails on purpose; see `server`."""

from tests.faultserver.server import Exchange, FaultServer

__all__ = ["Exchange", "FaultServer"]
