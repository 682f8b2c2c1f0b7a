//! Who works at an invented company.

use super::super::seed::{SeedPrincipal, SeedUser};
use super::{DOMAIN, Invention, lot};

/// As shown, and as in an address.
const FIRST: &[(&str, &str)] = &[
    ("Ada", "ada"),
    ("Zoë", "zoe"),
    ("José", "jose"),
    ("Łukasz", "lukasz"),
    ("Søren", "soren"),
    ("Mei 梅", "mei"),
    ("Ngọc", "ngoc"),
    ("Hayden", "hayden"),
    ("Erin", "erin"),
    ("Οδυσσέας", "odysseas"),
    ("Amina", "amina"),
    ("Jean-Luc", "jean-luc"),
    ("Sam", "sam"),
];
const LAST: &[(&str, &str)] = &[
    ("O'Brien", "o'brien"),
    ("García", "garcia"),
    ("Nakamura", "nakamura"),
    ("D'Angelo", "dangelo"),
    ("Müller", "mueller"),
    ("Okafor", "okafor"),
    ("Ivanović", "ivanovic"),
    ("Smith", "smith"),
    ("van der Berg", "van.der.berg"),
    ("Þórsdóttir", "thorsdottir"),
    ("Singh", "singh"),
];

/// Everybody, guests last.
pub(super) struct People {
    seed: u64,
    members: usize,
    guests: usize,
}

impl People {
    /// Enough of them that groups differ, and no more than a large company has.
    pub(super) fn new(invention: Invention) -> Self {
        let Invention { groups, members, seed, .. } = invention;
        let people = (groups * members / 20).min(50_000).max(2 * members).max(20);
        Self { seed, members: people, guests: people / 12 }
    }

    pub(super) fn users(&self) -> Vec<SeedUser> {
        let members = (0..self.members).map(|number| SeedUser {
            user_principal_name: Some(Self::address(number)),
            display_name: Some(Self::shown(number)),
            enabled: (number % 33 == 32).then_some(false),
            ..SeedUser::default()
        });
        let guests = (0..self.guests).map(|number| SeedUser {
            mail: Some(Self::guest_mail(number)),
            guest: true,
            display_name: Some(format!("{} (partner)", Self::shown(number + 5))),
            ..SeedUser::default()
        });
        members.chain(guests).collect()
    }

    /// A member of the tenant.
    pub(super) fn member(&self, number: usize) -> SeedPrincipal {
        SeedPrincipal::User(Self::address(number % self.members))
    }

    /// So many people, guests among them, no one twice.
    pub(super) fn some(&self, count: usize, what_for: &str) -> Vec<SeedPrincipal> {
        let everybody = self.members + self.guests;
        let start = lot(self.seed, what_for) as usize % everybody;
        // A step that shares no factor with their number meets everybody once before it comes round again.
        let wanted = lot(self.seed, &format!("{what_for}/step")) as usize % everybody;
        let step = (wanted.max(1)..=wanted + everybody)
            .find(|step| greatest_common_divisor(*step, everybody) == 1)
            .unwrap_or(1);
        let pick = |turn: usize| (start + turn * step) % everybody;
        let principal = |number: usize| match number.checked_sub(self.members) {
            Some(guest) => SeedPrincipal::Guest(Self::guest_mail(guest)),
            None => self.member(number),
        };
        (0..count.min(everybody)).map(pick).map(principal).collect()
    }

    fn name(number: usize) -> ((&'static str, &'static str), (&'static str, &'static str), String) {
        let first = FIRST.get(number % FIRST.len()).copied().unwrap_or_default();
        let last = LAST.get(number / FIRST.len() % LAST.len()).copied().unwrap_or_default();
        let turn = number / (FIRST.len() * LAST.len());
        (first, last, if turn == 0 { String::new() } else { (turn + 1).to_string() })
    }

    fn shown(number: usize) -> String {
        let (first, last, turn) = Self::name(number);
        format!("{} {} {turn}", first.0, last.0).trim_end().to_owned()
    }

    fn address(number: usize) -> String {
        let (first, last, turn) = Self::name(number);
        format!("{}.{}{turn}@{DOMAIN}", first.1, last.1)
    }

    fn guest_mail(number: usize) -> String {
        let (first, _, _) = Self::name(number);
        format!("{}{number}@partner.example", first.1)
    }
}

fn greatest_common_divisor(one: usize, other: usize) -> usize {
    if other == 0 { one } else { greatest_common_divisor(other, one % other) }
}
