"""The demos: the paper's flow of events, end to end, on real data."""

from extremeearth.app.demo.flow import Flow, Step, StepOutcome

__all__ = ["Flow", "Step", "StepOutcome"]
