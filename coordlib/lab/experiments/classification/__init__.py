"""Naming photographs."""
