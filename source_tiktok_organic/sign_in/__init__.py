"""The command `tiktok-organic-sign-in`, a program of its own: the connector does not need it, nor it the CDK."""
