//! What every provider needs of HTTP: transport, credentials, throttling, redaction.
