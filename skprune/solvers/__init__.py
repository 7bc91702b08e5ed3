"""Solvers that order units and refit parameters jointly: functions of arrays."""
