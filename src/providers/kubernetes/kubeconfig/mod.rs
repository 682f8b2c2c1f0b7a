//! One context of a kubeconfig, read strictly: what must not be used is refused, what is missing is named.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube::config::{AuthInfo, Cluster, Kubeconfig, KubeconfigError};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::connection::{Prepared, certificates, check_server};
use super::plugin::{Plugin, Plugins, Shared};
use super::tokens::{File, Fixed, TokenSource};
use crate::providers::http::proxy::Proxy;
use crate::providers::http::{excerpt, is_loopback};
use crate::state::{Failure, FailureKind, Result, first_few};

/// How many contexts a message lists.
const LISTED: usize = 10;

/// Reads `context` of the kubeconfig at `path`, and runs its credential plugin where that is allowed, if none like it was
/// run.
pub(super) async fn prepare(path: &Path, context: &str, plugins: Option<&Plugins>) -> Result<Prepared> {
    let file = path.display().to_string();
    let read = Kubeconfig::read_from(path).map_err(|error| unreadable(&error, &file))?;
    prepare_from(&read, &file, context, plugins).await
}

/// The same of the text of a kubeconfig.
pub(super) async fn prepare_text(text: &str, file: &str, context: &str) -> Result<Prepared> {
    let read = Kubeconfig::from_yaml(text).map_err(|error| unreadable(&error, file))?;
    prepare_from(&read, file, context, None).await
}

async fn prepare_from(read: &Kubeconfig, file: &str, context: &str, plugins: Option<&Plugins>) -> Result<Prepared> {
    let chosen = choose(read, context, file)?;
    let cluster_place = format!("the cluster of context `{}` in {file}", excerpt(context));
    let server = server(&chosen.cluster, &cluster_place)?;
    let proxy = chosen.cluster.proxy_url.as_deref().filter(|proxy| !proxy.is_empty());
    let proxy = proxy.map(|proxy| Proxy::parse(proxy, &format!("proxy-url of {cluster_place}"))).transpose()?;
    if proxy.is_some() && is_loopback(&server) {
        // A proxy would take it for its own loopback, and without TLS it would read the credential.
        let what =
            format!("{cluster_place} sets proxy-url for a server on loopback, which is never reached through a proxy");
        return Err(Failure::new(FailureKind::Refused, what).with_next("take proxy-url out of this cluster's entry"));
    }
    let authority = authority(&chosen.cluster, &cluster_place)?;
    let authorities = match &authority {
        Some(pem) => Some(certificates(pem, &format!("the certificate authority of {cluster_place}"))?),
        None => None,
    };
    let user_place = format!("the user of context `{}` in {file}", excerpt(context));
    let mut user = chosen.user;
    let mut identity = identity(&user, &user_place)?;
    let tokens: Option<Arc<dyn TokenSource>> = if let Some(provider) = &user.auth_provider {
        let what = format!("{user_place} uses the auth-provider `{}`, which is not supported", excerpt(&provider.name));
        return Err(Failure::new(FailureKind::Refused, what).with_next(
            "use a credential plugin (`exec`) instead: `kubelogin convert-kubeconfig` for Azure, `kubectl oidc-login` for OpenID Connect",
        ));
    } else if let Some(token) = user.token.take().filter(|token| !token.expose_secret().is_empty()) {
        Some(Arc::new(Fixed(token)))
    } else if let Some(token_file) = user.token_file.take().filter(|token_file| !token_file.is_empty()) {
        Some(Arc::new(File(PathBuf::from(token_file))))
    } else if let Some(exec) = &user.exec {
        let plugin =
            Plugin::new(exec, &chosen.cluster, authority.as_deref(), &user_place, std::io::stdin().is_terminal())?;
        let Some(plugins) = plugins else { return Err(plugin.not_allowed()) };
        plugin_tokens(plugin, plugins, &mut identity).await?
    } else if user.username.is_some() || user.password.is_some() {
        let what = format!("{user_place} has a user name and password, which no API server accepts any more");
        return Err(Failure::new(FailureKind::Refused, what)
            .with_next("use a token, a client certificate or a credential plugin"));
    } else if identity.client_certificate_data.is_some() {
        None
    } else {
        return Err(Failure::new(FailureKind::Unauthenticated, format!("{user_place} has no credential"))
            .with_next("it needs a token, a client certificate or a credential plugin"));
    };
    Ok(Prepared {
        name: format!("context `{}` ({server})", excerpt(context)),
        server,
        authorities,
        tls_server_name: chosen.cluster.tls_server_name,
        identity,
        tokens,
        proxy,
    })
}

/// The plugin's credential: its token becomes the source of bearers, its certificate part of the identity.
async fn plugin_tokens(
    plugin: Plugin,
    plugins: &Plugins,
    identity: &mut AuthInfo,
) -> Result<Option<Arc<dyn TokenSource>>> {
    let Shared { tokens, certificate } = plugins.run(plugin).await?;
    if let Some((certificate, key)) = certificate {
        identity.client_certificate_data = Some(STANDARD.encode(certificate));
        identity.client_key_data = Some(SecretString::from(STANDARD.encode(key.expose_secret())));
    }
    Ok(tokens)
}

/// Kube's own text would show the lines around a YAML mistake, and those may hold a token.
fn unreadable(error: &KubeconfigError, file: &str) -> Failure {
    match error {
        KubeconfigError::ReadConfig(source, _) if source.kind() == std::io::ErrorKind::NotFound => {
            Failure::new(FailureKind::NotFound, format!("there is no kubeconfig {file}"))
                .with_next("name the right file with --kubeconfig or $KUBECONFIG")
        }
        KubeconfigError::ReadConfig(source, _) => {
            Failure::new(FailureKind::Invalid, format!("cannot read the kubeconfig {file}: {source}"))
        }
        KubeconfigError::Parse(source) => {
            let place = source.location().map_or_else(String::new, |location| {
                format!(", line {}, column {}", location.line(), location.column())
            });
            Failure::new(FailureKind::Invalid, format!("{file}{place}: this is no kubeconfig"))
                .with_next(format!("`kubectl --kubeconfig {file} config view` must be able to read it"))
        }
        other => Failure::new(
            FailureKind::Invalid,
            format!("cannot use the kubeconfig {file}: {}", excerpt(&other.to_string())),
        ),
    }
}

/// A context's cluster and user.
struct Chosen {
    cluster: Cluster,
    user: AuthInfo,
}

fn choose(read: &Kubeconfig, context: &str, file: &str) -> Result<Chosen> {
    let missing = |what: String, names: Vec<&str>, wanted: &str| {
        Failure::new(FailureKind::NotFound, format!("{file} {what}")).with_next(suggestion(&names, wanted))
    };
    let Some(found) = read.contexts.iter().find(|named| named.name == context) else {
        let names = read.contexts.iter().map(|named| named.name.as_str()).collect();
        return Err(missing(format!("has no context `{}`", excerpt(context)), names, context));
    };
    let Some(found) = &found.context else {
        return Err(Failure::new(FailureKind::Invalid, format!("{file}: context `{}` is empty", excerpt(context))));
    };
    let Some(cluster) =
        read.clusters.iter().find(|named| named.name == found.cluster).and_then(|named| named.cluster.clone())
    else {
        let what = format!("has no cluster `{}`, which context `{}` names", excerpt(&found.cluster), excerpt(context));
        return Err(missing(what, read.clusters.iter().map(|named| named.name.as_str()).collect(), &found.cluster));
    };
    let Some(user_name) = found.user.as_deref().filter(|name| !name.is_empty()) else {
        return Err(Failure::new(
            FailureKind::Unauthenticated,
            format!("{file}: context `{}` names no user", excerpt(context)),
        ));
    };
    let Some(user) =
        read.auth_infos.iter().find(|named| named.name == user_name).and_then(|named| named.auth_info.clone())
    else {
        let what = format!("has no user `{}`, which context `{}` names", excerpt(user_name), excerpt(context));
        return Err(missing(what, read.auth_infos.iter().map(|named| named.name.as_str()).collect(), user_name));
    };
    Ok(Chosen { cluster, user })
}

/// "did you mean …; it has: …"
fn suggestion(names: &[&str], wanted: &str) -> String {
    if names.is_empty() {
        return "it has none at all; is it the right file?".to_owned();
    }
    let close = names
        .iter()
        .map(|name| (strsim::jaro_winkler(name, wanted), name))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|left, right| left.0.total_cmp(&right.0));
    let mut listed: Vec<String> = names.iter().map(|name| excerpt(name)).collect();
    listed.sort();
    let text = format!("it has {}", first_few(listed, LISTED));
    match close {
        Some((_, name)) => format!("did you mean `{}`? {text}", excerpt(name)),
        None => text,
    }
}

fn server(cluster: &Cluster, place: &str) -> Result<Url> {
    let Some(server) = &cluster.server else {
        return Err(Failure::new(FailureKind::Invalid, format!("{place} has no `server`")));
    };
    let url = Url::parse(server)
        .map_err(|error| Failure::new(FailureKind::Invalid, format!("the server of {place} is no address: {error}")))?;
    check_server(&url, &format!("the server of {place}"))?;
    if cluster.insecure_skip_tls_verify == Some(true) {
        let what = format!("{place} sets insecure-skip-tls-verify, and TLS is never skipped");
        return Err(Failure::new(FailureKind::Refused, what)
            .with_next("put the server's certificate authority into certificate-authority-data instead"));
    }
    Ok(url)
}

fn authority(cluster: &Cluster, place: &str) -> Result<Option<Vec<u8>>> {
    content(
        cluster.certificate_authority_data.as_deref(),
        cluster.certificate_authority.as_deref(),
        &format!("certificate-authority of {place}"),
    )
}

/// A client certificate and impersonation: what goes into TLS and headers, and no more.
fn identity(user: &AuthInfo, place: &str) -> Result<AuthInfo> {
    let certificate = content(
        user.client_certificate_data.as_deref(),
        user.client_certificate.as_deref(),
        &format!("client-certificate of {place}"),
    )?;
    let key = content(
        user.client_key_data.as_ref().map(secrecy::ExposeSecret::expose_secret),
        user.client_key.as_deref(),
        &format!("client-key of {place}"),
    )?;
    if certificate.is_some() != key.is_some() {
        let what = format!("{place} has only one of client-certificate and client-key");
        return Err(Failure::new(FailureKind::Invalid, what));
    }
    Ok(AuthInfo {
        client_certificate_data: certificate.map(|pem| STANDARD.encode(pem)),
        client_key_data: key.map(|pem| SecretString::from(STANDARD.encode(pem))),
        impersonate: user.impersonate.clone(),
        impersonate_uid: user.impersonate_uid.clone(),
        impersonate_groups: user.impersonate_groups.clone(),
        impersonate_user_extra: user.impersonate_user_extra.clone(),
        ..AuthInfo::default()
    })
}

/// What stands in a `…-data` key, or in the file that its sibling names; data goes first, as with kubectl.
fn content(data: Option<&str>, file: Option<&str>, place: &str) -> Result<Option<Vec<u8>>> {
    if let Some(data) = data.filter(|data| !data.is_empty()) {
        return STANDARD.decode(data).map(Some).map_err(|error| {
            Failure::new(
                FailureKind::Invalid,
                format!("the {place} is no valid base64: {}", error.to_string().trim_end_matches('.')),
            )
            .with_next("`base64 -w0 < FILE` writes it as it must be")
        });
    }
    match file.filter(|file| !file.is_empty()) {
        Some(file) => fs_err::read(file)
            .map(Some)
            .map_err(|error| Failure::new(FailureKind::NotFound, format!("cannot read the {place}: {error}"))),
        None => Ok(None),
    }
}

// Some of the tests start a shell script.
#[cfg(all(test, unix))]
mod tests;
