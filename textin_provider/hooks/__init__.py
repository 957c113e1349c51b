"""Carries the calls of :mod:`textin_provider.api` out: requests on workers, aiohttp on the triggerer."""
