//! Everybody in a tenant, for those who ask later without a way to it.

use std::collections::BTreeMap;

use super::EntraReader;
use super::directory::{self, Directory};
use crate::state::{PrincipalName, Resolution, Result};

impl EntraReader {
    /// Whom every name of a user or guest stands for that a file may use: a list of all users, of a thousand in a call. A guest
    /// who has not accepted is nobody, and said to be so.
    ///
    /// # Errors
    /// The list could not be read whole.
    pub async fn everybody(&self) -> Result<BTreeMap<PrincipalName, Resolution>> {
        let mut list = directory::everybody();
        self.client.read(&mut [&mut list]).await;
        let directory = Directory::of_everybody(&self.client, list)?;
        let resolution = |name: &PrincipalName| match directory.candidates(name) {
            [] => {
                let (reason, suggestion) = directory.missing(name)?;
                Some(Resolution::Missing { reason, suggestion })
            }
            [one] => Some(Resolution::Found(one.clone())),
            several => {
                let mut several = several.to_vec();
                several.sort_by_key(|who| who.id);
                Some(Resolution::Ambiguous(several))
            }
        };
        Ok(directory.names().into_iter().filter_map(|name| Some((name.clone(), resolution(&name)?))).collect())
    }
}
