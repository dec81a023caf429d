"""The food-security demo: Sentinel-2 series and parcels to maps, water need and answers."""

from extremeearth.app.demo.food_security.run import DemoOptions, run_demo

__all__ = ["DemoOptions", "run_demo"]
