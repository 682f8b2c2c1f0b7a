//! How many calls a cold plan takes, computed from the world that was made and counted in the sandbox's own log.

use rolecall::providers::Reader as _;
use rolecall::sandbox::{SeedGroup, SeedServicePrincipal};
use rolecall::state::{Above, GroupAnswer, GroupQuestion, Management, ObjectId, PrincipalName, Resolution};

use crate::summary;
use crate::world::{World, guest, key, mail, member, ours, seed, upn, user};

/// A world by its numbers.
#[derive(Clone, Copy, Default)]
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    /// Groups of ours that the index shows.
    pub(crate) listed: usize,
    /// Groups of ours that it does not show, because somebody changed their nickname.
    pub(crate) moved: usize,
    /// Groups of the files that are not there yet.
    pub(crate) new: usize,
    /// Groups that the files pin by id.
    pub(crate) pinned: usize,
    /// Groups that would lose members, and groups that would change and stand where others may lead through them.
    pub(crate) losing: usize,
    pub(crate) changing: usize,
    /// Names that no list shows: user principal names, mail addresses of guests, app ids.
    pub(crate) users: usize,
    pub(crate) guests: usize,
    pub(crate) apps: usize,
    /// Groups of so many members, among those listed.
    pub(crate) large: usize,
    pub(crate) members: usize,
    /// Whether a cluster knows groups by display name, so that each name has to be nobody else's.
    pub(crate) by_display_name: bool,
}

impl Shape {
    /// The promise: G groups, N of them not found through the index, A pinned by id, R that lose members, people and apps that
    /// no list names, further pages; and four more. Display names that must be unique are one more kind of name, and groups
    /// that others may lead through one more question.
    fn promised(self) -> usize {
        let groups = self.listed + self.moved + self.new + self.pinned;
        let display_names = if self.by_display_name { groups - self.pinned } else { 0 };
        groups.div_ceil(999)
            + (self.moved + self.new).div_ceil(20)
            + 2 * groups.div_ceil(20)
            + self.pinned.div_ceil(20)
            + self.losing.div_ceil(20)
            + [self.users, self.guests, self.apps, display_names]
                .into_iter()
                .map(|kind| kind.div_ceil(300))
                .sum::<usize>()
            + self.changing.div_ceil(20)
            + self.further_pages().iter().sum::<usize>().div_ceil(20)
            + 4
    }

    /// What it takes: whatever does not need to know of the other goes together, twenty in a call.
    fn taken(self) -> usize {
        self.calls().iter().sum()
    }

    /// The same, round by round.
    pub(crate) fn calls(self) -> Vec<usize> {
        let of_fifteen = |names: usize| names.div_ceil(15);
        let not_found = self.moved + self.new;
        let display_names = if self.by_display_name { self.listed + not_found } else { not_found };
        let others = usize::from(self.listed == 0);
        let who = 2 * (self.listed + self.pinned) + not_found + others + of_fifteen(display_names);
        let mut calls = vec![(3 + self.pinned).div_ceil(20)];
        calls.extend((1..self.listed.div_ceil(999)).map(|_| 1));
        calls.push(who.div_ceil(20));
        calls.extend(self.further_pages().iter().map(|pages| pages.div_ceil(20)));
        calls.push((2 * self.moved).div_ceil(20));
        calls.push([self.users, self.guests, self.apps].into_iter().map(of_fifteen).sum::<usize>().div_ceil(20));
        calls.push((self.losing + self.changing).div_ceil(20));
        calls.retain(|calls| *calls > 0);
        calls
    }

    /// The second pages of member lists, the third, and so on: each shows the way to the next.
    fn further_pages(self) -> Vec<usize> {
        (1..self.members.div_ceil(999)).map(|_| self.large).collect()
    }

    pub(crate) async fn world(self) -> World {
        let mut seed = seed();
        let people = self.users.max(self.members);
        seed.users = (0..people).map(|number| user(&format!("person{number}"))).collect();
        seed.users.extend((0..self.guests).map(|number| guest(&address(number))));
        let app = |number| SeedServicePrincipal {
            app_id: app_id(number).parse().unwrap(),
            display_name: app_id(number),
            id: None,
        };
        seed.service_principals.extend((0..self.apps).map(app));
        for number in 0..self.listed {
            let large = if number < self.large { self.members } else { 0 };
            let members = (0..large).map(|number| member(&format!("person{number}"))).collect();
            seed.groups.push(SeedGroup { members, ..ours(&format!("team-{number}")) });
        }
        for number in 0..self.moved {
            let mail_nickname = Some(format!("moved-{number}"));
            seed.groups.push(SeedGroup { mail_nickname, ..ours(&format!("moved-{number}")) });
        }
        for number in 0..self.pinned {
            let display_name = format!("outside {number}");
            let id = Some(id(number));
            // Somebody's own, who is therefore not looked up.
            seed.groups.push(SeedGroup { display_name, id, ..SeedGroup::default() });
        }
        let mut world = World::new(seed).await;
        let named = |kind: &str, count: usize| (0..count).map(|number| format!("{kind}-{number}")).collect::<Vec<_>>();
        let keys = [named("team", self.listed), named("moved", self.moved), named("new", self.new)].concat();
        for name in &keys {
            world.query.groups.insert(key(name), Management::Owned);
            world.query.display_names.insert(key(name), name.clone());
        }
        if self.by_display_name {
            world.query.unique_display_names.extend(keys.iter().map(|name| key(name)));
        }
        for number in 0..self.pinned {
            world.query.groups.insert(key(&format!("outside-{number}")), Management::External(id(number)));
        }
        let unseen = |number: usize| upn(&format!("person{number}"));
        world.query.principals.extend((0..self.users).map(unseen));
        world.query.principals.extend((0..self.guests).map(|number| mail(&address(number))));
        world
            .query
            .principals
            .extend((0..self.apps).map(|number| PrincipalName::ServicePrincipal(app_id(number).parse().unwrap())));
        world
    }

    /// What a plan asks once it knows what it would change.
    pub(crate) fn questions(self, world: &rolecall::state::Tenant) -> Vec<GroupQuestion> {
        let ids: Vec<ObjectId> = world.marked.values().map(|group| group.id).collect();
        let losing = ids.iter().take(self.losing).map(|id| GroupQuestion::Privileged(*id));
        losing.chain(ids.iter().take(self.changing).map(|id| GroupQuestion::Above(*id))).collect()
    }

    /// Reads the world as a plan does, and compares what it took.
    async fn check(self) -> String {
        let world = self.world().await;
        let tenant = world.observe().await.unwrap();
        let questions = self.questions(&tenant);
        let answers = world.reader.ask(&questions).await;
        assert_eq!(answers.len(), self.losing + self.changing);
        for answer in answers {
            assert!(matches!(answer.unwrap(), GroupAnswer::Privileged(_) | GroupAnswer::Above(Above::Read(_))));
        }
        assert_eq!(tenant.marked.len(), self.listed + self.moved);
        assert_eq!(tenant.by_id.values().flatten().count(), self.pinned);
        assert_eq!(tenant.marked.values().map(|group| group.members.len()).sum::<usize>(), self.large * self.members);
        assert_eq!(tenant.directory.len(), self.users + self.guests + self.apps);
        assert!(tenant.directory.values().all(|found| matches!(found, Resolution::Found(_))));

        let counted = world.graph_requests().len();
        assert_eq!(counted, self.taken(), "{}: {:?}", self.name, self.calls());
        assert!(counted <= self.promised(), "{}: {counted} > {}", self.name, self.promised());
        assert_eq!(world.reader.usage().requests, counted as u64, "{}", self.name);
        assert_eq!(world.writes(), 0);
        world.end().await;
        format!("{:<40} {counted:>5} {:>8}", self.name, self.promised())
    }
}

fn id(number: usize) -> ObjectId {
    format!("11111111-1111-4111-8111-{number:012}").parse().unwrap()
}

fn app_id(number: usize) -> String {
    format!("22222222-2222-4222-8222-{number:012}")
}

fn address(number: usize) -> String {
    format!("guest{number}@partner.example")
}

/// Checks worlds and leaves their lines for the summary.
async fn check(part: &str, shapes: &[Shape]) {
    let mut lines =
        vec![format!("{:<40} {:>5} {:>8}", format!("Graph calls of a cold plan: {part}"), "calls", "promised")];
    for shape in shapes {
        lines.push(shape.check().await);
    }
    summary::leave(&format!("6-requests-of-{part}"), &lines.join("\n"));
}

const NONE: Shape = Shape {
    name: "",
    listed: 0,
    moved: 0,
    new: 0,
    pinned: 0,
    losing: 0,
    changing: 0,
    users: 0,
    guests: 0,
    apps: 0,
    large: 0,
    members: 0,
    by_display_name: false,
};

#[tokio::test]
async fn groups_take_exactly_the_calls_that_they_demand() {
    let shapes = [
        Shape { name: "nothing", ..NONE },
        Shape { name: "1 group", listed: 1, ..NONE },
        Shape { name: "20 groups", listed: 20, ..NONE },
        Shape { name: "21 groups", listed: 21, ..NONE },
        Shape { name: "45 groups, 25 new, 40 pinned", listed: 20, new: 25, pinned: 40, ..NONE },
        Shape { name: "30 groups, 21 off the index", listed: 9, moved: 21, ..NONE },
        Shape { name: "20 off the index, known by name", moved: 20, new: 5, by_display_name: true, ..NONE },
    ];
    check("groups", &shapes).await;
}

#[tokio::test]
async fn many_groups_take_exactly_the_calls_that_they_demand() {
    let shapes =
        [Shape { name: "300 groups", listed: 300, ..NONE }, Shape { name: "1,000 groups", listed: 1000, ..NONE }];
    check("many-groups", &shapes).await;
}

#[tokio::test]
async fn changes_take_exactly_the_calls_that_they_demand() {
    let shapes = [
        Shape { name: "60 groups, 41 lose members", listed: 60, losing: 41, ..NONE },
        Shape { name: "60 groups, 20 lose members, 60 change", listed: 60, losing: 20, changing: 60, ..NONE },
    ];
    check("changes", &shapes).await;
}

#[tokio::test]
async fn names_take_exactly_the_calls_that_they_demand() {
    let shapes = [
        Shape { name: "301 people", listed: 1, users: 301, ..NONE },
        Shape { name: "301 guests", listed: 1, guests: 301, ..NONE },
        Shape { name: "301 apps", listed: 1, apps: 301, ..NONE },
        Shape { name: "301 people, guests and apps each", listed: 1, users: 301, guests: 301, apps: 301, ..NONE },
        Shape { name: "300 new groups, 600 people", new: 300, users: 600, ..NONE },
        Shape { name: "100 groups known by display name", listed: 100, by_display_name: true, ..NONE },
    ];
    check("names", &shapes).await;
}

#[tokio::test]
async fn further_pages_take_exactly_the_calls_that_they_demand() {
    let shapes = [
        Shape { name: "1 group of 999", listed: 1, large: 1, members: 999, ..NONE },
        Shape { name: "3 groups of 1,000", listed: 3, large: 3, members: 1000, ..NONE },
        Shape { name: "12 groups, 3 of 1,999", listed: 12, large: 3, members: 1999, ..NONE },
    ];
    check("pages", &shapes).await;
}
