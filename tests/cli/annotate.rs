//! Problems in the files, beside their lines.

use git2::Repository;
use serde_json::Value;

use crate::common::World;

/// A repository whose access files lie in `access/` and have two mistakes.
fn mistaken() -> World {
    let world = World::with_example("quickstart");
    let _ = Repository::init(world.path("")).unwrap();
    world.replace("access/rolecall.yaml", "groups: [k8s_dev_users]", "groups: [k8s_dev_userz]");
    world.replace("access/rolecall.yaml", "description:", "descripton:");
    world
}

#[test]
fn every_host_is_told_in_its_own_words() {
    let world = mistaken();
    let ran = world.run(&["validate", "access", "--annotate", "github", "--annotate", "azure-devops"]).exits(1);
    let commands: Vec<&str> =
        ran.stderr.lines().filter(|line| line.starts_with("::") || line.starts_with("##")).collect();
    assert_eq!(
        commands,
        [
            "::error file=access/rolecall.yaml,line=19,endLine=19,col=5,endColumn=15,title=unknown-key::`descripton` is not a key \
             of a group.%0AWhat to do: did you mean `description`?",
            "::error file=access/rolecall.yaml,line=28,endLine=28,col=16,endColumn=29,title=unknown-group::`k8s_dev_userz` is not a \
             group of this config.%0AWhat to do: did you mean `k8s_dev_users` (rolecall.yaml:18)?",
            "##vso[task.logissue type=error;sourcepath=access/rolecall.yaml;linenumber=19;columnnumber=5;code=unknown-key;]\
             `descripton` is not a key of a group. What to do: did you mean `description`?",
            "##vso[task.logissue type=error;sourcepath=access/rolecall.yaml;linenumber=28;columnnumber=16;code=unknown-group;]\
             `k8s_dev_userz` is not a group of this config. What to do: did you mean `k8s_dev_users` (rolecall.yaml:18)?",
        ]
    );
    let _ = world.run(&["lint", "access", "--annotate", "gitlab=out.json", "--annotate", "sarif=out.sarif"]).exits(1);
    let report: Value = serde_json::from_str(&world.read("out.json")).unwrap();
    assert_eq!(report[0]["location"]["path"], "access/rolecall.yaml");
    let log: Value = serde_json::from_str(&world.read("out.sarif")).unwrap();
    assert_eq!(log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap().len(), 2);
    // The same as SARIF on standard output.
    let ran = world.run(&["validate", "access", "--output", "sarif"]).exits(1);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap(), log);
    let place = &log["runs"][0]["results"][1]["locations"][0]["physicalLocation"];
    assert_eq!(
        (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
        (&"access/rolecall.yaml".into(), &28.into())
    );
}

#[test]
fn a_plan_annotates_mistakes_and_what_it_withholds() {
    let world = mistaken();
    let _ = world.plan(&["--annotate", "gitlab=out.json"]).exits(1);
    let report: Value = serde_json::from_str(&world.read("out.json")).unwrap();
    assert_eq!(report.as_array().unwrap().len(), 2);
    let ran = world.plan(&["--annotate", "github"]).exits(1);
    assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("::error ")).count(), 2, "{}", ran.stderr);

    let world = World::with_example("quickstart");
    let _ = world.apply(&["--yes"]).exits(0);
    world.replace("access/rolecall.yaml", "- hayden@contoso.com", "- haydn@contoso.com");
    let ran = world.plan(&["--annotate", "github", "--annotate", "gitlab=out.json"]);
    let commands: Vec<&str> = ran.stderr.lines().filter(|line| line.starts_with("::")).collect();
    let withheld = "::warning file=rolecall.yaml,line=22,endLine=22,col=7,endColumn=26,title=withheld::`haydn@contoso.com`: nobody has";
    assert!(commands.iter().any(|command| command.starts_with(withheld)), "{}", ran.stderr);
    let report: Value = serde_json::from_str(&world.read("out.json")).unwrap();
    assert_eq!(report.as_array().unwrap().len(), commands.len());
}

#[test]
fn a_failed_expectation_stands_beside_its_line() {
    let world = World::with_example("quickstart");
    world.replace("access/rolecall.yaml", "can: [list pods in trinity", "can: [list secrets in trinity");
    let ran = world.run(&["validate", "access", "--output", "sarif", "--annotate", "github"]).exits(6);
    let log: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(log["runs"][0]["results"][0]["ruleId"], "expectation-failed");
    assert!(ran.stderr.starts_with("::error file=rolecall.yaml,line="), "{}", ran.stderr);
    let ran = world.plan(&["--annotate", "azure-devops"]).exits(6);
    assert!(ran.stderr.contains("code=expectation-failed;]"), "{}", ran.stderr);
}

#[test]
fn nothing_wrong_is_written_as_well() {
    let world = World::with_example("quickstart");
    world.write("out.json", "old");
    let _ =
        world.run(&["validate", "access", "--annotate", "gitlab=out.json", "--annotate", "github=out.txt"]).exits(0);
    assert_eq!((world.read("out.json").as_str(), world.read("out.txt").as_str()), ("[]\n", ""));
    let ran = world.run(&["validate", "access", "--output", "sarif"]).exits(0);
    assert_eq!(serde_json::from_str::<Value>(&ran.stdout).unwrap()["runs"][0]["results"], Value::Array(Vec::new()));
}

/// Whoever writes a change writes the excerpt that is shown of it, too.
#[test]
fn an_excerpt_is_no_command() {
    let world = World::with_example("quickstart");
    world.replace(
        "access/rolecall.yaml",
        "description:",
        "descripton: \"##vso[task.setvariable variable=a]b\" # ##[error]x ",
    );
    for arguments in [
        &["validate", "access"][..],
        &["validate", "access", "--output", "json"],
        &["plan", "access", "--output", "markdown"],
    ] {
        let ran = world.run(arguments).exits(1);
        assert!(ran.all().contains("descripton"), "{}", ran.all());
        assert!(!ran.all().contains("##vso[") && !ran.all().contains("##["), "{}", ran.all());
    }
}

#[test]
fn what_makes_no_sense_is_said() {
    let world = World::with_example("quickstart");
    for (annotate, code, said) in [
        ("gitlab", 64, "say gitlab=FILE"),
        ("bitbucket=x", 64, "`bitbucket` is no host: say one of github, azure-devops, gitlab, sarif"),
        ("sarif=", 64, "that is not set"),
        ("sarif=x.yaml", 64, "would be taken for an access file"),
        ("sarif=nowhere/x.sarif", 1, "nowhere/x.sarif: it cannot be written"),
    ] {
        for command in ["validate", "lint", "plan"] {
            let ran = world.run(&[command, "access", "--annotate", annotate]).exits(code);
            assert!(ran.stderr.contains(said), "{annotate}: {}", ran.stderr);
        }
    }
}
