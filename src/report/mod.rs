//! Plans, findings and events as text and JSON. Returns strings; never prints.
