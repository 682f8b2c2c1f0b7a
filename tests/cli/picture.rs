//! The picture of the README, made from what the program prints.

use std::fmt::Write as _;

use crate::common::repository;

const FILE: &str = "docs/images/access-difference.svg";
/// Of one character of the font at this size.
const WIDTH: f32 = 7.9;
const LINE: usize = 20;
const EDGE: usize = 16;

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// What a line says by its first character, as on a terminal.
fn class(line: &str) -> &'static str {
    match line.chars().next() {
        Some('$') => "command",
        Some('+') => "add",
        Some('-') => "remove",
        Some('~' | '?') => "change",
        Some('!') => "decide",
        Some('=') => "same",
        Some(' ') if line.starts_with("  who ") => "same",
        Some(_) | None => "text",
    }
}

/// Dark on any page, so that it can be read on a light one and on a dark one.
fn picture(title: &str, screen: &str) -> String {
    let lines: Vec<&str> = screen.lines().collect();
    let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or(0);
    #[allow(clippy::cast_precision_loss, reason = "a screen is a hundred characters wide")]
    let width = (longest as f32 * WIDTH).ceil() + 2.0 * EDGE as f32;
    let height = lines.len() * LINE + 2 * EDGE;
    let title = escaped(title);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">
<title>{title}</title>
<style>
text {{ font: 13px ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre; fill: #d6dbe3 }}
.command {{ fill: #ffffff; font-weight: bold }}
.add {{ fill: #7ee787 }}
.remove {{ fill: #ff9492 }}
.change {{ fill: #e3b341 }}
.decide {{ fill: #f0a8ff }}
.same {{ fill: #9da7b3 }}
</style>
<rect width=\"100%\" height=\"100%\" rx=\"8\" fill=\"#161b22\"/>
"
    );
    for (number, line) in lines.iter().enumerate() {
        let (class, y) = (class(line), EDGE + number * LINE + 14);
        let text = escaped(line);
        let _ = writeln!(svg, "<text x=\"{EDGE}\" y=\"{y}\" class=\"{class}\" xml:space=\"preserve\">{text}</text>");
    }
    svg + "</svg>\n"
}

/// `ROLECALL_BLESS=1` draws it anew.
#[test]
#[allow(clippy::disallowed_methods, reason = "whoever changes a screen says by the environment to draw it anew")]
fn the_picture_in_the_readme_is_drawn_from_the_screen() {
    let screen = repository().join("tests/cli/snapshots/access-kept-elsewhere.snap");
    let screen = std::fs::read_to_string(screen).unwrap();
    let part = screen[screen.find("Access: ").unwrap()..].split("\n\n").next().unwrap();
    let drawn = picture("What `rolecall plan` says first", &format!("$ rolecall plan\n{part}"));
    let file = repository().join(FILE);
    if std::env::var_os("ROLECALL_BLESS").is_some() {
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, &drawn).unwrap();
    }
    let kept = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(kept == drawn, "{FILE} is out of date: ROLECALL_BLESS=1 cargo test --test cli picture");
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    assert!(readme.contains(&format!("]({FILE})")), "the README shows it");
}

#[test]
fn what_a_screen_says_is_text_in_a_picture() {
    let drawn = picture("a & b", "+ <script>\"x\"</script> & y\n  who  where");
    assert!(
        drawn.contains("class=\"add\" xml:space=\"preserve\">+ &lt;script&gt;&quot;x&quot;&lt;/script&gt; &amp; y<")
    );
    assert!(drawn.contains("<title>a &amp; b</title>") && !drawn.contains("<script"));
}
