"""Trains a version of the network from labelled prompts: fine-tune, export, calibrate, report. Needs the extra
`train`."""
