//! A few small reads that show whether the large ones would work.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{EntraReader, groups, privileged};
use crate::providers::entra::client::{Filter, LARGEST_IN, Path, Permission, ReadClient};
use crate::state::{
    Acting, AppId, Failure, GroupsCheckup, ObjectId, PrincipalName, PrivilegedMembers, Result, TenantCheckup,
    TenantQuery,
};

impl EntraReader {
    /// As whom we act. Asks for a token, and nothing else.
    ///
    /// # Errors
    /// When there is none.
    pub async fn acting(&self) -> Result<Acting> {
        let claims = self.client.claims().await?;
        Ok(Acting {
            id: claims.id,
            tenant: claims.tenant,
            app: claims.app,
            label: claims.label(),
            roles: claims.roles,
            scopes: claims.scopes,
            directory_roles: claims.directory_roles,
            expires: claims.expires,
        })
    }

    /// Reads one thing of each kind that a plan reads.
    pub async fn check(&self, query: &TenantQuery, appliers: &BTreeSet<AppId>, with_pim: bool) -> TenantCheckup {
        let client = &self.client;
        let (found, users, appliers) =
            futures::join!(groups::find(client, query), users(client, query), service_principals(client, appliers),);
        let found = match found {
            Ok(found) => found,
            Err(failure) => {
                return TenantCheckup { domain: None, groups: Err(failure), users, appliers, privileged: None };
            }
        };
        let keys = found.keys(query);
        let records = found.records();
        let role_assignable = records.values().filter(|record| record.role_assignable());
        let first = records.keys().next().copied();
        let privileged = match first.filter(|_| with_pim) {
            Some(group) => match privileged::read(client, &[group]).await.map(|mut answers| answers.pop()) {
                Ok(Some(PrivilegedMembers::Unreadable(why))) => Some(why),
                Ok(_) => None,
                Err(failure) => Some(failure.what),
            },
            None => None,
        };
        let groups = GroupsCheckup {
            live: records.len(),
            role_assignable: role_assignable.filter_map(|record| keys.get(&record.id).cloned()).collect(),
            deleted: found.deleted_unreadable,
        };
        TenantCheckup { domain: found.domain, groups: Ok(groups), users, appliers, privileged }
    }
}

/// Looks up one user of the files, whether or not there is one of this name.
async fn users(client: &ReadClient, query: &TenantQuery) -> Option<Failure> {
    let name = query.principals.iter().find_map(|name| match name {
        PrincipalName::User(name) => Some(name.to_string()),
        _ => None,
    })?;
    let path = Path::of("/users")
        .filter(&Filter::among("userPrincipalName", [name.as_str()]))
        .select("id,userPrincipalName,accountEnabled");
    let problem = client.get(&path).await.err()?;
    Some(client.failure(problem, "looking up a user", Permission::ReadUsers))
}

async fn service_principals(client: &ReadClient, apps: &BTreeSet<AppId>) -> Result<BTreeMap<AppId, ObjectId>> {
    let mut found = BTreeMap::new();
    let apps: Vec<String> = apps.iter().map(ToString::to_string).collect();
    let filters = apps.chunks(LARGEST_IN).map(|some| Filter::among("appId", some.iter().map(String::as_str)));
    let paths: Vec<_> =
        filters.map(|filter| Path::of("/servicePrincipals").filter(&filter).select("id,appId")).collect();
    for list in client.lists::<Value>(&paths).await {
        let list = list
            .map_err(|problem| client.failure(problem, "looking up the appliers", Permission::ReadServicePrincipals))?;
        let id = |value: &Value| value.as_str().map(str::to_owned);
        found.extend(list.iter().filter_map(|principal| {
            Some((id(&principal["appId"])?.parse::<AppId>().ok()?, id(&principal["id"])?.parse::<ObjectId>().ok()?))
        }));
    }
    Ok(found)
}
