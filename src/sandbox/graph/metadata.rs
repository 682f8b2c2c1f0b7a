//! What clients read before they sign in (entra.md §8).

use serde_json::{Value, json};

use super::state::Tenant;

/// `/{tenant}/v2.0/.well-known/openid-configuration`
pub(super) fn openid_configuration(tenant: &Tenant, origin: &str) -> Value {
    let base = format!("{origin}/{}", tenant.id);
    json!({
        "issuer": format!("{base}/v2.0"),
        "authorization_endpoint": format!("{base}/oauth2/v2.0/authorize"),
        "token_endpoint": format!("{base}/oauth2/v2.0/token"),
        "device_authorization_endpoint": format!("{base}/oauth2/v2.0/devicecode"),
        "jwks_uri": format!("{base}/discovery/v2.0/keys"),
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
    })
}

/// `/common/discovery/instance`: this host is an authority of its own.
pub(super) fn instance_discovery(tenant: &Tenant, origin: &str) -> Value {
    let authority = origin.trim_start_matches("https://");
    json!({
        "tenant_discovery_endpoint": format!("{origin}/{}/v2.0/.well-known/openid-configuration", tenant.id),
        "api-version": "1.1",
        "metadata": [{"preferred_network": authority, "preferred_cache": authority, "aliases": [authority]}],
    })
}

/// `/metadata/endpoints`: what `az cloud register --endpoint-resource-manager` reads.
pub(super) fn cloud_endpoints(tenant: &Tenant, origin: &str) -> Value {
    json!({
        "name": "Sandbox",
        "portal": format!("{origin}/"),
        "authentication": {
            "loginEndpoint": format!("{origin}/"),
            "audiences": [format!("{origin}/")],
            "tenant": tenant.id,
            "identityProvider": "AAD",
        },
        "media": format!("{origin}/"),
        "graph": format!("{origin}/"),
        "graphAudience": format!("{origin}/"),
        "microsoftGraphResourceId": format!("{origin}/"),
        "resourceManager": format!("{origin}/"),
        "batch": format!("{origin}/"),
        "gallery": format!("{origin}/"),
        "sqlManagement": format!("{origin}/"),
        "vmImageAliasDoc": format!("{origin}/"),
        "suffixes": {"storage": "sandbox.invalid", "keyVaultDns": "sandbox.invalid"},
    })
}
