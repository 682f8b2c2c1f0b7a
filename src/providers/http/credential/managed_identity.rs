//! The identity of the Azure machine or app that we run in: App Service (and what is built like it, such as Container Apps),
//! or the instance metadata service of a virtual machine.
//!
//! `azure_identity`'s own credential takes the endpoint from the process's environment and waits a minute for a metadata
//! service that is not there.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use reqwest::header::HeaderValue;
use reqwest::{Method, Request};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::Value;
use url::Url;

use super::Login;
use super::settings::CredentialSettings;
use super::source::{Fetched, Grant, SetUp};
use crate::providers::http::{Answer, Pace, Transport, excerpt, without};
use crate::state::{Failure, FailureKind, Result};

const METADATA_SERVICE: &str = "http://169.254.169.254";
/// The name by which Azure's own libraries let the address of the metadata service be set.
const METADATA_SERVICE_VARIABLE: &str = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
/// The version that both services know.
const VERSION: &str = "2019-08-01";

struct ManagedIdentity {
    login: Login,
    endpoint: Url,
    /// `X-IDENTITY-HEADER`, where App Service asks for it.
    header: Option<SecretString>,
    which: Which,
}

/// One identity among those that are assigned, by one of its ids; without one, the machine's own.
struct Which {
    /// For messages.
    name: String,
    parameter: Option<(&'static str, String)>,
}

pub(super) fn set_up(settings: &CredentialSettings, _: &Login) -> SetUp {
    let variable = |name| settings.variable(name);
    match (variable("IDENTITY_ENDPOINT"), variable("IDENTITY_HEADER")) {
        (Some(_), _) if variable("IDENTITY_SERVER_THUMBPRINT").is_some() => {
            SetUp::Absent("managed identities of Service Fabric are not supported".to_owned())
        }
        (Some(endpoint), Some(header)) => SetUp::of(app_service(settings, endpoint, header)),
        (Some(_), None) if variable("IMDS_ENDPOINT").is_some() => {
            SetUp::Absent("managed identities of Azure Arc are not supported".to_owned())
        }
        (Some(_), None) => SetUp::Absent("IDENTITY_ENDPOINT is set without IDENTITY_HEADER".to_owned()),
        // Nothing says that there is a metadata service before it is asked, and asking it unbidden would make every run on
        // a laptop wait, and every run on a virtual machine act as that machine.
        (None, _) if settings.picked.is_none() => {
            SetUp::Absent("IDENTITY_ENDPOINT is not set; a virtual machine's is used with --auth only".to_owned())
        }
        (None, _) => SetUp::of(virtual_machine(settings)),
    }
}

fn app_service(settings: &CredentialSettings, endpoint: &str, header: &str) -> Result<ManagedIdentity> {
    let endpoint = Url::parse(endpoint)
        .map_err(|error| Failure::new(FailureKind::Invalid, format!("IDENTITY_ENDPOINT is no URL: {error}")))?;
    let which = Which::of(settings, "principal_id", "mi_res_id")?;
    Ok(ManagedIdentity { login: login()?, endpoint, header: Some(SecretString::from(header)), which })
}

fn virtual_machine(settings: &CredentialSettings) -> Result<ManagedIdentity> {
    let address = settings.variable(METADATA_SERVICE_VARIABLE).unwrap_or(METADATA_SERVICE);
    let endpoint = Url::parse(address).and_then(|url| url.join("/metadata/identity/oauth2/token"));
    let endpoint = endpoint.map_err(|error| {
        Failure::new(FailureKind::Invalid, format!("{METADATA_SERVICE_VARIABLE} is no URL: {error}"))
    })?;
    let which = Which::of(settings, "object_id", "msi_res_id")?;
    Ok(ManagedIdentity { login: login()?, endpoint, header: None, which })
}

/// The service is next to us: it is asked directly, and not for long.
fn login() -> Result<Login> {
    let pace = Pace { first_wait: Duration::from_millis(300), attempts: 3, ..Pace::default() };
    Ok(Login { transport: Transport::to_this_machine()?, pace })
}

impl Which {
    fn of(settings: &CredentialSettings, object_id: &'static str, resource_id: &'static str) -> Result<Self> {
        let variables = [
            ("AZURE_CLIENT_ID", "client_id"),
            ("AZURE_MANAGED_IDENTITY_OBJECT_ID", object_id),
            ("AZURE_MANAGED_IDENTITY_RESOURCE_ID", resource_id),
        ];
        let named: Vec<_> = variables
            .into_iter()
            .filter_map(|(variable, parameter)| Some((variable, parameter, settings.variable(variable)?)))
            .collect();
        match named.as_slice() {
            [] => Ok(Self { name: "a system-assigned identity".to_owned(), parameter: None }),
            [(_, parameter, value)] => Ok(Self {
                name: format!("the identity whose {} is {value}", parameter.replace('_', " ")),
                parameter: Some((parameter, (*value).to_owned())),
            }),
            several => {
                let listed: Vec<_> = several.iter().map(|(variable, ..)| *variable).collect();
                let what = format!("{} are set, and each names a managed identity", listed.join(" and "));
                Err(Failure::new(FailureKind::Invalid, what).with_next("keep one of them"))
            }
        }
    }
}

/// The answer. `expires_on` is text in one service and a number in others.
#[derive(Deserialize)]
struct Body {
    access_token: String,
    expires_on: Value,
}

#[async_trait]
impl Grant for ManagedIdentity {
    async fn fetch(&self, scope: &str) -> Result<Fetched> {
        let resource = scope.strip_suffix("/.default").unwrap_or(scope);
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().append_pair("api-version", VERSION).append_pair("resource", resource);
        if let Some((parameter, value)) = &self.which.parameter {
            url.query_pairs_mut().append_pair(parameter, value);
        }
        let header = self.header.as_ref().map(|header| HeaderValue::from_str(header.expose_secret())).transpose();
        let mut header =
            header.map_err(|_| Failure::new(FailureKind::Invalid, "IDENTITY_HEADER holds what no header may hold"))?;
        if let Some(header) = &mut header {
            header.set_sensitive(true);
        }
        let request = || {
            let mut request = Request::new(Method::GET, url.clone());
            match &header {
                Some(header) => request.headers_mut().insert("x-identity-header", header.clone()),
                None => request.headers_mut().insert("metadata", HeaderValue::from_static("true")),
            };
            Ok(request)
        };
        let answer = self.login.answer(request, |answer| self.refused(answer)).await.map_err(|failure| {
            let is_absent = failure.kind == FailureKind::Unreachable && self.header.is_none();
            if !is_absent {
                return failure;
            }
            let what = format!("no managed identity here: {}", failure.what);
            Failure::new(failure.kind, what).with_next(
                "this works on an Azure virtual machine or scale set with an identity; elsewhere use another source",
            )
        })?;
        let body: Option<Body> = serde_json::from_slice(&answer.body).ok();
        let expires = body.as_ref().and_then(|body| match &body.expires_on {
            Value::String(text) => text.parse::<i64>().ok(),
            other => other.as_i64(),
        });
        let (Some(body), Some(expires)) = (body, expires) else {
            return Err(Failure::new(FailureKind::BadAnswer, format!("{} gave no token", self.origin())));
        };
        let left = expires.saturating_sub(Timestamp::now().as_second());
        let good_for = Duration::from_secs(u64::try_from(left).unwrap_or_default());
        Ok(Fetched { secret: SecretString::from(body.access_token), good_for })
    }
}

impl ManagedIdentity {
    fn origin(&self) -> String {
        self.endpoint.origin().ascii_serialization()
    }

    fn refused(&self, answer: &Answer) -> Failure {
        let status = answer.status.as_u16();
        let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
        let reason = body.get("error_description").or_else(|| body.get("message")).and_then(Value::as_str);
        let header = self.header.iter().map(ExposeSecret::expose_secret);
        let reason = reason.map_or(String::new(), |reason| format!(": {}", excerpt(&without(reason, header))));
        match status {
            400 => Failure::new(
                FailureKind::Unauthenticated,
                format!("{} has no token for {} (400{reason})", self.origin(), self.which.name),
            )
            .with_next(
                "assign the identity to this machine or app; where several are assigned, name one with AZURE_CLIENT_ID",
            ),
            401 | 403 => Failure::new(
                FailureKind::Unauthenticated,
                format!("{} refused ({status}{reason})", self.origin()),
            )
            .with_next(if self.header.is_some() {
                "IDENTITY_HEADER must be the one of this start of the app"
            } else {
                "this may be no Azure machine, or one whose metadata service is closed to us; use another source"
            }),
            _ => Failure::new(FailureKind::Unavailable, format!("{} answered {status}{reason}", self.origin()))
                .with_next("try again in a minute"),
        }
    }
}
