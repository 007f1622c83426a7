"""The command `tiktok-organic-sign-in`, a separate program: the connector does not need it, and it needs no CDK."""
