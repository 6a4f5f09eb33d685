"""Handling of requests: access control, pictures and downloads, addresses of earlier versions."""
