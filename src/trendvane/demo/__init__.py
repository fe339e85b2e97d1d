"""The demo: the whole product on emulated trends, on one machine, without an account."""

from trendvane.demo.plan import DemoOptions
from trendvane.demo.session import run_demo

__all__ = ["DemoOptions", "run_demo"]
