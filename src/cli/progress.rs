//! Progress on standard error: a bar at a terminal, plain lines elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressFinish, ProgressStyle};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::ui::{Ui, Voice};
use crate::providers::entra::{Lagging, OnLag};
use crate::providers::http::{OnWait, Wait};
use crate::report::escape;
use crate::state::{Address, EnvironmentName, GroupKey, first_few};

/// Waits that together are shorter are not worth a line.
const WORTH_SAYING: Duration = Duration::from_secs(10);

/// One bar for one stretch of work.
pub(super) struct Progress {
    bar: Bar,
    voice: Voice,
    awaited: Arc<Mutex<Awaited>>,
    /// The parts that are being read, or that have changes in flight, and how many.
    open: Mutex<BTreeMap<String, usize>>,
}

/// A bar, and how much room there is for words behind it. A line that fills the screen would leave half of itself there when
/// the terminal shows a `^C` behind it.
#[derive(Clone)]
struct Bar {
    bar: ProgressBar,
    room: usize,
}

/// The bar where nothing is counted.
const PLAIN: &str = "{spinner} {elapsed}  {msg}";

/// What stands before the words, at its longest, and some room.
const BESIDE: usize = 42;

impl Bar {
    fn say(&self, words: &str) {
        self.bar.set_message(cut(words, self.room));
    }
}

impl std::ops::Deref for Bar {
    type Target = ProgressBar;

    fn deref(&self) -> &ProgressBar {
        &self.bar
    }
}

/// The words as far as there is room.
fn cut(words: &str, room: usize) -> String {
    if words.width() <= room {
        return words.to_owned();
    }
    let mut used = 1;
    let fits = words.chars().take_while(|character| {
        used += character.width().unwrap_or(0);
        used <= room
    });
    fits.chain(['…']).collect()
}

/// How Entra is called among the parts.
const ENTRA: &str = "Entra";

impl Progress {
    /// A bar when standard error is a terminal, and nothing otherwise.
    pub(super) fn new(ui: &Ui) -> Self {
        Self::on(ui, if ui.stderr_is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() })
    }

    fn on(ui: &Ui, target: ProgressDrawTarget) -> Self {
        let bar = ProgressBar::with_draw_target(None, target).with_finish(ProgressFinish::AndClear);
        ui.underway.shows(&bar);
        let bar = Bar { bar, room: ui.width.saturating_sub(BESIDE).max(BESIDE / 2) };
        let progress = Self { bar, voice: ui.voice(), awaited: Arc::default(), open: Mutex::default() };
        // A wait may be told before anything is counted.
        progress.style(PLAIN);
        progress
    }

    /// Says so while Graph makes us wait: at a terminal in the bar, elsewhere in a line now and then.
    pub(super) fn on_wait(&self) -> OnWait {
        let (bar, voice, told) = (self.bar.clone(), self.voice.clone(), Mutex::new(None));
        OnWait::tell(move |wait| {
            if !bar.is_hidden() {
                bar.say(&short(wait));
            } else if due(wait, &mut told.lock().unwrap_or_else(PoisonError::into_inner)) {
                voice.say(&text(wait));
            }
        })
    }

    /// Says so while what was written is not shown yet: at a terminal in the bar, elsewhere in a line now and then.
    pub(super) fn on_lag(&self) -> OnLag {
        let (bar, voice, awaited) = (self.bar.clone(), self.voice.clone(), Arc::clone(&self.awaited));
        OnLag::tell(move |lagging| {
            let mut awaited = awaited.lock().unwrap_or_else(PoisonError::into_inner);
            let groups = lagging.groups.clone();
            let is_due = awaited.hears(lagging, Instant::now());
            if !bar.is_hidden() {
                bar.say(&awaited.short(&groups));
            } else if is_due {
                voice.say(&awaited.waits_for(&groups));
            }
        })
    }

    /// What was waited for, if anything was.
    pub(super) fn waited(&self) -> Option<String> {
        self.awaited.lock().unwrap_or_else(PoisonError::into_inner).told()
    }

    /// The live systems are being read.
    pub(super) fn reading<'n>(&self, environments: impl Iterator<Item = &'n str>) {
        let open: BTreeMap<String, usize> = environments.map(|name| (name.to_owned(), 1)).collect();
        let clusters = open.len();
        *self.open() = open;
        self.open().insert(ENTRA.to_owned(), 1);
        self.counts(clusters, "{spinner} {elapsed}  {pos}/{len} clusters read  {msg}");
        self.waits();
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }

    /// One cluster has been read, or could not be.
    pub(super) fn read(&self, environment: &str) {
        self.open().remove(environment);
        self.bar.inc(1);
        self.waits();
    }

    /// The same of Entra.
    pub(super) fn read_entra(&self) {
        self.open().remove(ENTRA);
        self.waits();
    }

    /// Sees the reading through. In a log, which has no bar, what takes long is named: after ten seconds, and then each time it
    /// has become twice as long.
    pub(super) async fn through<T>(&self, reading: impl Future<Output = T>) -> T {
        let mut reading = std::pin::pin!(reading);
        let mut so_far = WORTH_SAYING;
        let mut next = WORTH_SAYING;
        loop {
            if let Ok(read) = tokio::time::timeout(next, &mut reading).await {
                return read;
            }
            if self.bar.is_hidden() {
                let parts = self.parts();
                self.voice.say(&format!("Still reading {parts}: {} s so far", so_far.as_secs()));
            }
            next = so_far;
            so_far = so_far.saturating_mul(2);
        }
    }

    /// The API servers are being asked.
    pub(super) fn asking(&self) {
        self.open().clear();
        self.bar.reset();
        self.bar.say("");
        self.style("{spinner} {elapsed}  asking the API servers  {msg}");
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }

    /// Changes are being carried out.
    pub(super) fn applying(&self, changes: usize) {
        self.open().clear();
        self.bar.say("");
        self.counts(changes, "{spinner} {elapsed}  applying {pos}/{len} {bar:12}  {msg}");
        self.bar.enable_steady_tick(Duration::from_millis(250));
    }

    /// A change was handed over.
    pub(super) fn started(&self, address: &Address) {
        *self.open().entry(part(address)).or_default() += 1;
        self.waits();
    }

    /// A change has an outcome. One that was never handed over may have one, and one that was taken back has two.
    pub(super) fn left(&self, address: &Address) {
        let part = part(address);
        let mut open = self.open();
        if let Some(number) = open.get_mut(&part) {
            *number -= 1;
            if *number == 0 {
                open.remove(&part);
            }
        }
        drop(open);
        self.waits();
    }

    /// Nothing new is started.
    pub(super) fn finishing(&self) {
        self.style("{spinner} {elapsed}  finishing what is in flight  {msg}");
    }

    /// One change has an outcome: the line stays, and the bar moves on below it.
    pub(super) fn line(&self, ui: &mut Ui, line: &str) {
        self.bar.inc(1);
        self.note(ui, line);
    }

    /// A line that stays above the bar.
    pub(super) fn note(&self, ui: &mut Ui, line: &str) {
        if self.bar.is_hidden() { ui.say(line) } else { self.bar.println(line.trim_end()) }
    }

    /// The stretch of work is over; nothing of the bar stays.
    pub(super) fn done(&self) {
        self.bar.finish_and_clear();
    }

    /// Begins to count to `length`; of nothing there is nothing to count. The bar ticks by itself: no count is shown that is not
    /// of this stretch.
    fn counts(&self, length: usize, template: &str) {
        self.style(PLAIN);
        self.bar.reset();
        self.bar.set_length(length as u64);
        if length > 0 {
            self.style(template);
        }
    }

    fn style(&self, template: &str) {
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style);
        }
    }

    /// Shows which parts have not answered yet. What is heard of a wait takes its place until one of them does.
    fn waits(&self) {
        if !self.bar.is_hidden() {
            let parts = self.parts();
            self.bar.say(&if parts.is_empty() { parts } else { format!("waiting for {parts}") });
        }
    }

    /// The parts that have not answered yet.
    fn parts(&self) -> String {
        first_few(self.open().keys().map(|name| escape::name(name)), 3)
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<String, usize>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn part(address: &Address) -> String {
    address.environment().map_or(ENTRA, EnvironmentName::as_str).to_owned()
}

/// What was waited for, because Entra did not show it yet.
#[derive(Debug, Default)]
struct Awaited {
    groups: BTreeSet<GroupKey>,
    /// How long in all; waits that overlap count once.
    total: Duration,
    until: Option<Instant>,
    said: Option<Instant>,
    unread: Option<String>,
}

impl Awaited {
    /// Takes in one wait, and says whether it is worth a line: the first, and then one each ten seconds.
    fn hears(&mut self, lagging: Lagging, now: Instant) -> bool {
        let from = self.until.map_or(now, |until| until.max(now));
        let until = now + lagging.now;
        self.total += until.saturating_duration_since(from);
        self.until = Some(until.max(from));
        self.groups.extend(lagging.groups);
        self.unread = lagging.unread.or_else(|| self.unread.take());
        let is_due = self.said.is_none_or(|said| now.saturating_duration_since(said) >= WORTH_SAYING);
        if is_due {
            self.said = Some(now);
        }
        is_due
    }

    /// A line of a log.
    fn waits_for(&self, keys: &BTreeSet<GroupKey>) -> String {
        format!("Waiting for Entra to show {}: {} s so far", groups(keys), self.seconds())
    }

    /// The same beside a bar.
    fn short(&self, keys: &BTreeSet<GroupKey>) -> String {
        format!("{} s for Entra to show {}", self.seconds(), groups(keys))
    }

    fn seconds(&self) -> f64 {
        self.total.as_secs_f64().ceil()
    }

    fn told(&self) -> Option<String> {
        let seconds = self.seconds();
        let unread = self.unread.as_ref().map(|why| format!(" Last of all: {}.", escape::message(why)));
        let text = format!("Waited {seconds} s in all for Entra to show {}.", groups(&self.groups));
        (!self.groups.is_empty()).then(|| text + &unread.unwrap_or_default())
    }
}

fn groups(keys: &BTreeSet<GroupKey>) -> String {
    let one = if keys.len() == 1 { "group" } else { "groups" };
    format!("{} {one} ({})", keys.len(), first_few(keys.iter(), 3))
}

/// Whether a wait is worth a line: from ten seconds on, and then each time it has become twice as long. Many requests wait
/// at once and say the same.
fn due(wait: Wait, told: &mut Option<Duration>) -> bool {
    let total = wait.so_far.saturating_add(wait.now);
    let least = told.map_or(WORTH_SAYING, |told| told.saturating_mul(2));
    let is_due = total >= least;
    if is_due {
        *told = Some(total);
    }
    is_due
}

fn text(Wait { so_far, now, limit }: Wait) -> String {
    format!(
        "Graph asks to wait (429): {} s so far, {} s from now; gives up after {} s",
        so_far.as_secs(),
        now.as_secs_f64().ceil(),
        limit.as_secs()
    )
}

/// The same beside a bar, in less than half a line.
fn short(Wait { so_far, now, limit }: Wait) -> String {
    let total = so_far.saturating_add(now).as_secs_f64().ceil();
    format!("Graph throttles (429): {total} s of {} s", limit.as_secs())
}

#[cfg(test)]
mod tests {
    use indicatif::TermLike;

    use super::*;

    #[test]
    fn what_is_waited_for_is_folded_and_overlapping_waits_count_once() {
        let mut awaited = Awaited::default();
        let start = Instant::now();
        let mut said = Vec::new();
        for (at, wait, keys) in [(0, 2, "a b"), (1, 4, "c"), (4, 4, "a d e"), (12, 1, "e"), (13, 0, "e")] {
            let groups = keys.split(' ').map(|key| key.parse().unwrap()).collect::<BTreeSet<_>>();
            let lagging = Lagging { groups: groups.clone(), now: Duration::from_secs(wait), unread: None };
            if awaited.hears(lagging, start + Duration::from_secs(at)) {
                said.push(awaited.waits_for(&groups));
                said.push(awaited.short(&groups));
            }
        }
        said.extend(awaited.told());
        insta::assert_snapshot!(said.join("\n"), @"
        Waiting for Entra to show 2 groups (a, b): 2 s so far
        2 s for Entra to show 2 groups (a, b)
        Waiting for Entra to show 1 group (e): 9 s so far
        9 s for Entra to show 1 group (e)
        Waited 9 s in all for Entra to show 5 groups (a, b, c and 2 more).
        ");
        assert_eq!(Awaited::default().told(), None);
    }

    impl TermLike for Heard {
        fn width(&self) -> u16 {
            80
        }

        fn move_cursor_up(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> std::io::Result<()> {
            Ok(())
        }

        fn write_line(&self, line: &str) -> std::io::Result<()> {
            self.write_str(&format!("{line}\n"))
        }

        fn write_str(&self, text: &str) -> std::io::Result<()> {
            self.0.lock().unwrap().extend_from_slice(text.as_bytes());
            Ok(())
        }

        fn clear_line(&self) -> std::io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn nothing_is_counted_of_no_clusters() {
        let now = || "2026-11-22T16:40:11Z".parse().unwrap();
        for (clusters, counted) in [(["alpha"].as_slice(), "0/1 clusters read"), (&[], "waiting for Entra")] {
            let heard = Heard::default();
            let silent = || Box::new(std::io::sink());
            let ui = Ui::captured(silent(), silent(), BTreeMap::new(), "/".into(), now);
            let progress = Progress::on(&ui, ProgressDrawTarget::term_like_with_hz(Box::new(heard.clone()), 200));
            progress.bar.say("Graph throttles");
            progress.reading(clusters.iter().copied());
            progress.bar.force_draw();
            let said = String::from_utf8(heard.0.lock().unwrap().clone()).unwrap();
            assert!(said.contains(counted) && !said.contains("0/0"), "{said}");
            progress.done();
        }
    }

    #[test]
    fn words_beside_a_bar_are_cut_to_their_room() {
        assert_eq!(cut("Graph throttles", 15), "Graph throttles");
        assert_eq!(cut("Graph throttles", 14), "Graph throttl…");
        assert_eq!(cut("東京東京", 6), "東京…");
        let longest =
            Wait { so_far: Duration::from_secs(190), now: Duration::from_secs(5), limit: Duration::from_secs(300) };
        assert!(short(longest).width() <= 80 - BESIDE, "{}", short(longest));
    }

    #[derive(Clone, Debug, Default)]
    struct Heard(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Heard {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_names_what_is_still_being_read() {
        let heard = Heard::default();
        let silent = Box::new(std::io::sink());
        let now = || "2026-11-22T16:40:11Z".parse().unwrap();
        let ui = Ui::captured(silent, Box::new(heard.clone()), BTreeMap::new(), "/".into(), now);
        let progress = Progress::new(&ui);
        progress.reading(["alpha", "beta"].into_iter());
        let after = |seconds| tokio::time::sleep_until(tokio::time::Instant::now() + Duration::from_secs(seconds));
        let reading = async {
            progress.read("beta");
            after(15).await;
            progress.read_entra();
            after(40).await;
        };
        progress.through(reading).await;
        let said = String::from_utf8(heard.0.lock().unwrap().clone()).unwrap();
        insta::assert_snapshot!(said, @"
        Still reading Entra, alpha: 10 s so far
        Still reading alpha: 20 s so far
        Still reading alpha: 40 s so far
        ");
    }

    #[test]
    fn a_long_wait_is_told_once_and_rarely_again() {
        let wait = |so_far, now| Wait {
            so_far: Duration::from_secs(so_far),
            now: Duration::from_secs(now),
            limit: Duration::from_secs(300),
        };
        let mut told = None;
        let waits = [(0, 2), (2, 2), (8, 2), (8, 2), (10, 5), (18, 7), (40, 5), (40, 5), (99, 199), (299, 1)];
        let said: Vec<String> = waits
            .iter()
            .map(|(so_far, now)| wait(*so_far, *now))
            .filter(|wait| due(*wait, &mut told))
            .map(text)
            .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        Graph asks to wait (429): 8 s so far, 2 s from now; gives up after 300 s
        Graph asks to wait (429): 18 s so far, 7 s from now; gives up after 300 s
        Graph asks to wait (429): 99 s so far, 199 s from now; gives up after 300 s
        ");
    }
}
