"""Requests: who may come in, pictures and files, addresses of earlier versions."""
