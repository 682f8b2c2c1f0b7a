//! The config, and where each setting came from.

use super::{Examined, Line, Setting, Sign};

pub(super) fn lines(examined: &Examined<'_>) -> Vec<Line> {
    let setup = &examined.setup;
    let environments = examined.desired.environments.len();
    let plural = if environments == 1 { "" } else { "s" };
    let commit = setup.commit.as_ref().map_or_else(|| "not in git".to_owned(), |commit| format!("at {commit}"));
    let about = format!(
        "{} ({}), {commit}, {environments} environment{plural}, tenant {}",
        examined.desired.config, setup.root, examined.desired.tenant
    );
    let mut lines = vec![Line::new(Sign::Fine, "config", about)];
    lines.extend(setup.settings.iter().map(setting));
    lines
}

pub(super) fn setting(setting: &Setting) -> Line {
    let Setting { name, value, from } = setting;
    Line::new(Sign::Fine, "setting", format!("{name}: {value} (from {from})"))
}
