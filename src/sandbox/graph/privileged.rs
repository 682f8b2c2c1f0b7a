//! Privileged Identity Management for groups: who is a member for a time (entra.md §5.3).

use serde_json::{Value, json};

use super::answer::Answer;
use super::call::Call;
use super::error::Refusal;
use super::filter::Filter;
use super::permission::READ_PRIVILEGED;
use super::state::{PrivilegedAssignment, Tenant};

/// Active assignments of one group or of one principal. Asking for all of them is refused.
pub(super) fn assignment_instances(tenant: &Tenant, call: &Call<'_>) -> Result<Answer, Refusal> {
    call.caller.require(READ_PRIVILEGED)?;
    let filter = call.query.filter.as_deref().map(Filter::parse).transpose()?;
    let asked = |property: &str| match &filter {
        Some(Filter::Equal { property: name, values }) if name == property => match values.as_slice() {
            [Value::String(id)] => Some(id.to_lowercase()),
            _ => None,
        },
        _ => None,
    };
    let (group, principal) = (asked("groupId"), asked("principalId"));
    if group.is_none() && principal.is_none() {
        return Err(Refusal::new(
            http::StatusCode::BAD_REQUEST,
            "MissingParameters",
            "The required parameters GroupId or PrincipalId is missing.",
        ));
    }
    if call.query.select.is_some() || call.query.top.is_some() || call.query.count {
        return Err(Refusal::not_modelled("list options on assignmentScheduleInstances"));
    }
    let wanted = |assignment: &&PrivilegedAssignment| {
        group.as_ref().is_none_or(|id| assignment.group.to_string() == *id)
            && principal.as_ref().is_none_or(|id| assignment.principal.to_string() == *id)
    };
    let context = "identityGovernance/privilegedAccess/group/assignmentScheduleInstances";
    let value = tenant.privileged.iter().filter(wanted).map(show).collect::<Vec<_>>();
    Ok(Answer::ok(json!({"@odata.context": call.context(context), "value": value})))
}

fn show(assignment: &PrivilegedAssignment) -> Value {
    json!({
        "id": format!("{}_member_{}", assignment.group, assignment.principal),
        "accessId": "member",
        "assignmentType": "activated",
        "groupId": assignment.group,
        "memberType": "direct",
        "principalId": assignment.principal,
        "startDateTime": assignment.started,
        "endDateTime": null,
    })
}
