//! Microsoft Entra ID over Microsoft Graph v1.0.
