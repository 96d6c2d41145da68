"""Requests and responses of one API expressed in another."""
