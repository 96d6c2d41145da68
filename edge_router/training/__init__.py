"""Prompts to a network version: fine-tune, export, calibrate, report. Needs the extra `train`."""
