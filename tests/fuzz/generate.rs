//! Inputs made of the corpus: bytes, lines, values of JSON and lines of YAML are changed, and pieces of two inputs joined.
//! Everything follows from one number.

use serde_json::Value;

/// The longest input that is made, in bytes; the corpus may hold longer ones.
const LONGEST: usize = 256 * 1024;

/// Numbers that follow from a seed (splitmix64).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64, target: &str, number: u64) -> Self {
        let name = target.bytes().fold(seed, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(name ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`, and 0 when there is none.
    fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end.max(1)).unwrap_or(1);
        usize::try_from(self.next() % end).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }
}

/// Pieces that mean something to one of the readers, or to a terminal.
const PIECES: &[&str] = &[
    "null",
    "true",
    "false",
    "~",
    "no",
    "0",
    "-1",
    "0755",
    "1e400",
    "-1e400",
    "1.10",
    "18446744073709551616",
    "9223372036854775807",
    "99999999999999999999999999999999999999",
    "\"\"",
    "''",
    "[]",
    "{}",
    "[",
    "]",
    "{",
    "}",
    "{{",
    "? ",
    ": ",
    "- ",
    "-",
    "|",
    ">-",
    "&a ",
    "*a",
    "<<: *a",
    "&a [*a]",
    "!!str ",
    "!x ",
    "---\n",
    "...\n",
    "# ",
    "\t",
    "\r\n",
    "\u{b}",
    "\u{0}",
    "\u{1b}[31m",
    "\u{1b}]0;x\u{7}",
    "\u{7f}",
    "\u{85}",
    "\u{9b}2J",
    "\u{2028}",
    "\u{202e}",
    "\u{2066}",
    "\u{200b}",
    "\u{feff}",
    "\u{e0041}",
    "é",
    "東京",
    "👩‍👩‍👧‍👦",
    "a\u{301}",
    "\\u0000",
    "\\ud800",
    "\\u001b",
    "%0A",
    "%00",
    "../",
    "/",
    "`",
    "$(x)",
    "{{token}}",
    "{{secret}}",
    "@odata.nextLink",
    "https://graph.microsoft.com/v1.0/groups?$skiptoken=x",
    "https://graph.microsoft.com.evil.example/v1.0/x",
    "continue",
    "resourceVersion",
    "remainingItemCount",
    "Terminating",
    "11111111-1111-4111-8111-111111111111",
    "22222222-2222-4222-8222-222222222222",
    "8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f",
    "erin@contoso.com",
    "hayden@contoso.com",
    "ana@partner.example",
    "rolecall.contoso-platform.sre",
    "> 200 *\n",
    "> 410 continue=\n",
    "> 429 *\n= Retry-After: 18446744073709551615\n",
    "> 503 *\n= Retry-After: 1.5\n",
    "> 400 *\n",
    "> 404 *\n",
    "#file teams/a.yaml\n",
    "groups",
    "roles",
    "grants",
    "environments",
    "members",
    "delegate",
    "exclude",
    "cluster-wide",
    "namespaces",
];

/// Texts for a value of JSON.
const TEXTS: &[&str] = &[
    "",
    "\u{0}",
    "\u{1b}[31mred\n",
    "\u{202e}nimda",
    "\u{9b}2J",
    "a\"b\\c",
    "…",
    "{{token}}",
    "{{secret}}",
    "*",
    "system:masters",
    "cluster-admin",
    "#microsoft.graph.user",
    "#microsoft.graph.group",
    "Guest",
    "https://evil.example/",
    "1970-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "11111111-1111-4111-8111-111111111111",
    "rolecall",
    "ClusterRole",
    "Role",
    "User",
    "Group",
    "2",
    "-1",
    "NotFound",
    "Expired",
];

/// An input.
pub(crate) fn input(random: &mut Random, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut input = random.pick(corpus).clone();
    for _ in 0..=random.below(5) {
        input = match random.below(10) {
            0 | 1 => of_bytes(random, input, corpus),
            2..=4 => of_lines(random, &input, corpus),
            _ => of_values(random, &input).unwrap_or_else(|| of_lines(random, &input, corpus)),
        };
        input.truncate(LONGEST);
    }
    input
}

fn of_bytes(random: &mut Random, mut input: Vec<u8>, corpus: &[Vec<u8>]) -> Vec<u8> {
    let (at, end) = (random.below(input.len()), random.below(input.len()));
    let (from, to) = (at.min(end), at.max(end));
    match random.below(7) {
        0 if !input.is_empty() => input[at] ^= 1 << random.below(8),
        1 if !input.is_empty() => input[at] = u8::try_from(random.below(256)).unwrap_or_default(),
        2 => drop(input.drain(from..to)),
        3 => input.truncate(at),
        4 => {
            let piece = input[from..to.min(from + 64)].repeat(1 + random.below(40));
            input.splice(at..at, piece);
        }
        5 => {
            let other = random.pick(corpus);
            input.truncate(at);
            input.extend_from_slice(&other[random.below(other.len())..]);
        }
        _ => {
            let piece = random.pick(PIECES).as_bytes().to_vec();
            input.splice(at..at, piece);
        }
    }
    input
}

/// Lines are moved and written again; words, and what stands behind a colon, become others.
fn of_lines(random: &mut Random, input: &[u8], corpus: &[Vec<u8>]) -> Vec<u8> {
    let text = String::from_utf8_lossy(input).into_owned();
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    if lines.is_empty() {
        return random.pick(PIECES).as_bytes().to_vec();
    }
    let (at, other) = (random.below(lines.len()), random.below(lines.len()));
    match random.below(12) {
        0 => drop(lines.remove(at)),
        1 => lines.swap(at, other),
        2 => {
            let line = lines[at].clone();
            lines.splice(at..at, vec![line; 1 + random.below(60)]);
        }
        3 => lines[at].insert_str(0, &" ".repeat(1 + random.below(4))),
        4 => {
            let indent = lines[at].len() - lines[at].trim_start_matches(' ').len();
            lines[at].drain(..indent);
        }
        5 => {
            let text = String::from_utf8_lossy(random.pick(corpus).as_slice()).into_owned();
            let theirs: Vec<&str> = text.split_inclusive('\n').collect();
            let from = random.below(theirs.len());
            let some = theirs.iter().skip(from).take(1 + random.below(8)).map(|line| (*line).to_owned());
            lines.splice(at..at, some.collect::<Vec<_>>());
        }
        6 => {
            let most = if random.one_in(20) { 20_000 } else { 60 };
            let deep = 1 + random.below(most);
            let (open, close) = *random.pick(&[("[", "]"), ("{a: ", "}"), ("- ", ""), ("{\"a\":", "}"), ("? ", "")]);
            let close = if random.one_in(2) { close.repeat(deep) } else { String::new() };
            lines.insert(at, format!("{}x{close}\n", open.repeat(deep)));
        }
        7 | 8 => {
            let line = lines[at].clone();
            if let Some((key, _)) = line.split_once(": ") {
                lines[at] = format!("{key}: {}\n", random.pick(PIECES));
            }
        }
        9 => {
            let long =
                random.pick(&["x", "é", "\u{1b}", " ", "a,", "\\", "&", "- a\n", "'"]).repeat(1 + random.below(5000));
            lines.insert(at, long);
        }
        _ => {
            let line = lines[at].clone();
            let words: Vec<(usize, &str)> = line
                .match_indices(|character: char| character.is_alphanumeric())
                .filter(|(at, _)| !line[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '-'))
                .collect();
            if !words.is_empty() {
                let (start, _) = *random.pick(&words);
                let end = line[start..].find(|character: char| !character.is_alphanumeric() && character != '-');
                let end = end.map_or(line.len(), |end| start + end);
                lines[at] = format!("{}{}{}", &line[..start], random.pick(PIECES), &line[end..]);
            }
        }
    }
    lines.concat().into_bytes()
}

/// One value of a piece of JSON is changed: the whole input, what an answer holds, or a line.
fn of_values(random: &mut Random, input: &[u8]) -> Option<Vec<u8>> {
    let text = std::str::from_utf8(input).ok()?;
    let mut pieces: Vec<(usize, usize)> = vec![(0, text.len())];
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        pieces.push((start, start + line.len()));
        start += line.len();
    }
    for (at, _) in text.match_indices("> ").filter(|(at, _)| *at == 0 || text[..*at].ends_with('\n')) {
        let body = text[at..].find(['{', '[']).map(|body| at + body);
        let end = text[at..].find("\n> ").map_or(text.len(), |end| at + end);
        pieces.extend(body.filter(|body| *body < end).map(|body| (body, end)));
    }
    pieces.retain(|(from, to)| text[*from..*to].trim_start().starts_with(['{', '[']));
    if pieces.is_empty() {
        return None;
    }
    let (from, to) = *random.pick(&pieces);
    let mut value: Value = serde_json::from_str(&text[from..to]).ok()?;
    let count = count(&value);
    let at = random.below(count);
    let donor = nth(&mut value, random.below(count))?.clone();
    change(random, nth(&mut value, at)?, donor);
    let written = serde_json::to_string(&value).ok()?;
    // What JSON can say and `Value` cannot hold.
    let written =
        written.replace("\"@huge\"", random.pick::<&str>(&["1e400", "-0", "184467440737095516160", "1E+99999"]));
    let line = if text[from..to].ends_with('\n') { "\n" } else { "" };
    Some(format!("{}{written}{line}{}", &text[..from], &text[to..]).into_bytes())
}

fn change(random: &mut Random, value: &mut Value, donor: Value) {
    let number = random.below(64);
    match (random.below(9), &mut *value) {
        (0 | 1, Value::Object(map)) if !map.is_empty() => {
            let key = map.keys().nth(number % map.len()).cloned().unwrap_or_default();
            let taken = map.remove(&key).unwrap_or_default();
            if random.one_in(3) {
                map.insert((*random.pick(TEXTS)).to_owned(), taken);
            }
        }
        (0 | 1, Value::Array(items)) if !items.is_empty() => drop(items.remove(number % items.len())),
        (2, Value::Array(items)) => {
            let times = 1 + random.below(30);
            items.extend(std::iter::repeat_n(donor, times));
        }
        (2, Value::Object(map)) => drop(map.insert((*random.pick(PIECES)).to_owned(), donor)),
        (3, Value::String(text)) => text.insert_str(0, text_of(random)),
        (4, _) => *value = Value::String((*random.pick(TEXTS)).to_owned()),
        (5, _) => {
            *value = random
                .pick(&[Value::Null, Value::Bool(true), 0.into(), (-1).into(), 1.5.into(), u64::MAX.into()])
                .clone();
        }
        (6, _) => *value = Value::String("@huge".to_owned()),
        (7, _) => {
            // Deeper than `serde_json` follows, now and then.
            let most = if random.one_in(8) { 200 } else { 6 };
            for _ in 0..=random.below(most) {
                *value = if number.is_multiple_of(2) {
                    Value::Array(vec![value.take()])
                } else {
                    serde_json::json!({ "a": value.take() })
                };
            }
        }
        _ => *value = donor,
    }
}

fn text_of(random: &mut Random) -> &'static str {
    random.pick::<&str>(TEXTS)
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum::<usize>(),
        Value::Object(map) => map.values().map(count).sum(),
        _ => 0,
    }
}

/// A value of a tree, by its place in it.
fn nth(value: &mut Value, at: usize) -> Option<&mut Value> {
    if at == 0 {
        return Some(value);
    }
    let mut left = at - 1;
    let children: Vec<&mut Value> = match value {
        Value::Array(items) => items.iter_mut().collect(),
        Value::Object(map) => map.values_mut().collect(),
        _ => Vec::new(),
    };
    for child in children {
        let size = count(child);
        if left < size {
            return nth(child, left);
        }
        left -= size;
    }
    None
}
