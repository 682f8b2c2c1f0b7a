//! An embedded Microsoft Graph with its token and metadata endpoints.
