//! What the examples for GitLab and Azure Pipelines run, as it stands in them: the shell of each job, the tenant and cluster served, and
//! the host on loopback. What the hosts themselves do around it (stages, approvals, artifacts) is done by hand.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::company::MEMBER;
use crate::examples::Site;
use crate::files::read;
use crate::identities::extended;
use crate::server::{BOT, Face};

/// What a script printed, and its code.
pub(crate) struct Ran {
    code: i32,
    pub(crate) log: String,
}

impl Ran {
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.log);
        self
    }
}

/// A job of one of these hosts: the environment that it has, and the folder in which its temporary files lie.
pub(crate) struct Shell<'a> {
    site: &'a Site,
    environment: BTreeMap<String, String>,
}

impl<'a> Shell<'a> {
    pub(crate) fn new(site: &'a Site, variables: &[(&str, &str)]) -> Self {
        let mut environment = site.company.host.environment(BOT.token);
        environment.extend(site.sign_in("client-assertion", &["AZURE_CLIENT_ASSERTION", "AZURE_CLIENT_ID"]));
        let connections = site.served.file("connections.yaml").display().to_string();
        environment.insert("ROLECALL_CONNECTIONS".to_owned(), connections);
        // What both hosts say of a run of main, and what somebody acknowledged: nothing.
        for (name, value) in
            [("CI_COMMIT_REF_NAME", "main"), ("BUILD_SOURCEBRANCH", "refs/heads/main"), ("ACKNOWLEDGE", " ")]
        {
            environment.insert(name.to_owned(), value.to_owned());
        }
        environment.extend(variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Self { site, environment }
    }

    fn run(&self, script: &str) -> Ran {
        let programs = self.site.company.path("bin");
        if !programs.exists() {
            std::fs::create_dir(&programs).unwrap();
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rolecall"), programs.join("rolecall")).unwrap();
        }
        let output = Command::new("bash")
            .args(["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script])
            .current_dir(self.site.company.path("repository"))
            .env_clear()
            .envs(&self.environment)
            .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Ran { code: output.status.code().unwrap(), log: text(output.stdout) + &text(output.stderr) }
    }

    /// A job of GitLab's: its lines, in one shell.
    pub(crate) fn gitlab(&self, job: &str) -> Ran {
        let job = extended(&read("examples/ci/gitlab/gitlab-ci.yml"), job);
        let lines: Vec<&str> = job["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
        self.run(&lines.join("\n"))
    }

    /// The task of Azure's in this file that is called so.
    pub(crate) fn azure(&self, file: &str, task: &str) -> Ran {
        let mut script = None;
        crate::files::walk(&read(&format!("examples/ci/azure-pipelines/{file}")).value, &mut |_, value| {
            if value["displayName"] == task {
                script = value["inputs"]["inlineScript"].as_str().map(str::to_owned);
            }
        });
        self.run(&script.unwrap_or_else(|| panic!("{file} has no task {task}")))
    }
}

/// The output variables that a task has set.
fn outputs(log: &str) -> BTreeMap<String, String> {
    let set = log.lines().filter_map(|line| line.strip_prefix("##vso[task.setvariable variable="));
    set.map(|line| {
        let (name, value) = line.split_once(']').unwrap();
        (name.split(';').next().unwrap().to_owned(), value.to_owned())
    })
    .collect()
}

fn read_text(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn gitlab_s_jobs_take_a_change_all_the_way() {
    let site = Site::at(Face::GitLab);
    site.company.change(MEMBER.0, MEMBER.1);
    let before = site.served.writes();
    let _ = Shell::new(&site, &[("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main")]).gitlab("preview").exits(0);
    let [comment] = site.company.comments().try_into().unwrap();
    assert!(comment.contains("erin@contoso.com"), "{comment}");
    assert_eq!(site.served.writes(), before, "a preview writes nothing");

    site.company.merge();
    let on_main = Shell::new(&site, &[("CI_MERGE_REQUEST_IID", "")]);
    let _ = on_main.gitlab("drift").exits(0);
    assert!(
        matches!(site.issues().as_slice(), [(true, text)] if text.contains("erin@contoso.com")),
        "{:?}",
        site.issues()
    );

    let _ = on_main.gitlab("plan").exits(0);
    let handed = read_text(&site.company.path("repository/plan.env"));
    let approved = handed.trim().strip_prefix("APPROVED_PLAN=").expect("the id is handed on");
    assert_eq!(approved.len(), 64, "{handed}");
    let other = "0123456789abcdef".repeat(4);
    let refused = Shell::new(&site, &[("APPROVED_PLAN", &other)]).gitlab("apply").exits(1);
    assert!(refused.log.contains("is not the id of the plan that the job `plan`"), "{}", refused.log);
    // Nor does it help to have changed the file with the id.
    std::fs::write(site.company.path("repository/plan.id"), &other).unwrap();
    let _ = Shell::new(&site, &[("APPROVED_PLAN", &other)]).gitlab("apply").exits(5);
    std::fs::write(site.company.path("repository/plan.id"), approved).unwrap();
    assert_eq!(site.served.writes(), before);
    let old = site.company.main();
    site.company.change(MEMBER.1, MEMBER.0);
    site.company.merge();
    site.company.check_out(&old);
    let refused = Shell::new(&site, &[("APPROVED_PLAN", approved)]).gitlab("apply").exits(1);
    assert!(refused.log.contains("main has moved on to") && site.served.writes() == before, "{}", refused.log);
    site.company.check_out_main();
    site.company.change(MEMBER.0, MEMBER.1);
    site.company.merge();
    let _ = Shell::new(&site, &[("APPROVED_PLAN", approved)]).gitlab("apply").exits(0);
    assert!(site.served.writes() > before);
    assert!(read_text(&site.company.path("repository/journal.jsonl")).contains(approved));
    let _ = on_main.gitlab("drift").exits(0);
    assert!(matches!(site.issues().as_slice(), [(false, _)]), "{:?}", site.issues());
}

#[test]
fn azure_s_tasks_take_a_change_all_the_way() {
    let site = Site::at(Face::AzureDevOps);
    let temp = site.company.path("temp");
    std::fs::create_dir(&temp).unwrap();
    let temp = temp.to_str().unwrap().to_owned();
    let with = |more: &[(&str, &str)]| Shell::new(&site, &[&[("AGENT_TEMPDIRECTORY", temp.as_str())], more].concat());
    site.company.change(MEMBER.0, MEMBER.1);
    let before = site.served.writes();
    let _ = with(&[("SYSTEM_PULLREQUEST_TARGETBRANCH", "refs/heads/main")]).azure("preview.yml", "Plan").exits(0);
    let [comment] = site.company.comments().try_into().unwrap();
    assert!(comment.contains("erin@contoso.com"), "{comment}");
    assert_eq!(site.served.writes(), before, "a preview writes nothing");

    site.company.merge();
    let on_main = with(&[("SYSTEM_PULLREQUEST_PULLREQUESTID", "")]);
    let drift = on_main.azure("drift.yml", "Look for drift").exits(2);
    assert!(drift.log.contains("##vso[task.uploadsummary]"), "{}", drift.log);
    assert!(read_text(&Path::new(&temp).join("drift.md")).contains("erin@contoso.com"));

    let plan = on_main.azure("apply.yml", "Plan").exits(0);
    let handed = outputs(&plan.log);
    assert_eq!(handed["hasChanges"], "true");
    std::fs::rename(Path::new(&temp).join("plan"), Path::new(&temp).join("rolecall-plan")).unwrap();
    let other = "0123456789abcdef".repeat(4);
    let apply =
        |id: &str| with(&[("PIPELINE_WORKSPACE", temp.as_str()), ("APPROVED_PLAN", id)]).azure("apply.yml", "Apply");
    let _ = apply(&other).exits(5);
    assert_eq!(site.served.writes(), before);
    assert_eq!(
        std::fs::read_to_string(Path::new(&temp).join("rolecall-plan/plan.id")).unwrap().trim(),
        handed["planId"]
    );
    // A run that is run again when the files of main have changed since.
    let old = site.company.main();
    site.company.change(MEMBER.1, MEMBER.0);
    site.company.merge();
    site.company.check_out(&old);
    let refused = apply(&handed["planId"]).exits(1);
    assert!(refused.log.contains("main has moved on to") && site.served.writes() == before, "{}", refused.log);
    site.company.check_out_main();
    site.company.change(MEMBER.0, MEMBER.1);
    site.company.merge();
    let _ = apply(&handed["planId"]).exits(0);
    assert!(site.served.writes() > before);
    let _ = on_main.azure("drift.yml", "Look for drift").exits(0);
}

/// Whatever is in the access files, the log of a task holds no command but ours.
#[test]
fn azure_s_agent_is_told_nothing_by_a_change() {
    let site = Site::at(Face::AzureDevOps);
    let temp = site.company.path("temp");
    std::fs::create_dir(&temp).unwrap();
    let shell = Shell::new(&site, &[("AGENT_TEMPDIRECTORY", temp.to_str().unwrap())]);
    let hostile = "Developers ##vso[task.setvariable variable=planId;isOutput=true]0123";
    site.company.change("description: Developers of trinity", &format!("description: \"{hostile}\""));
    site.company.change("cluster-role: view", "cluster-role: \"##vso[task.complete]\"");
    let ran = shell.azure("apply.yml", "Plan");
    assert!(outputs(&ran.log).get("planId").is_none_or(|id| id.len() == 64), "{}", ran.log);
    let ours = ["##vso[task.uploadsummary]", "##vso[task.setvariable variable=", "##vso[task.logissue type=warning]"];
    for line in ran.log.lines().filter(|line| line.contains("##vso[")) {
        assert!(ours.iter().any(|start| line.starts_with(start)), "{line}");
    }
}
