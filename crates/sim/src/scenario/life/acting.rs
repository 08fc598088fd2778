//! What is done in the middle of a story: each action as an operator, a program or the world does it.

use super::letters::{Letter, first_lists, import, mail, options, source};
use super::resuming::blank_hold;
use super::{Life, Process, SENDER_ADDRESS, STORY, actor};
use crate::check::Stop;
use crate::people::{SENDER, SENDER_DOMAIN};
use crate::scenario::{Action, Held};
use crate::world::EPOCH;
use dispatch::own::{Described, OwnFile};
use engine::Obeyed;
use engine::alerts::Way;
use engine::drafts::{self, Proposal};
use engine::launch::MessageFile;
use engine::messages::{Content, Look, Outgoing};
use engine::resume::TakenOut;
use model::{EmailAddress, SuppressionReason, Timestamp, WorkspaceId};
use std::sync::Arc;
use std::time::Duration;
use store::{Audience, Choice, Cursor, NewChannel, NewHold, NewSource, Target, WebhookEdit};

impl Life {
    pub(super) async fn act(&mut self, process: &mut Process<'_>, action: Action) {
        match action {
            Action::Suppress(address, reason) => {
                process.suppress(&address, reason).await;
                self.suppressed.insert(address.to_lowercase(), process.now());
            }
            Action::Decline(address, topic) => process.decline(&address, topic).await,
            Action::Pause => {
                process.pause().await;
                self.stops.push(Stop { from: process.now(), until: Timestamp::MAX });
            }
            Action::Resume => {
                let now = process.now();
                self.stops.iter_mut().for_each(|stop| stop.end(now));
                process.resume().await;
            }
            Action::ResumeWithoutSecondList => process.resume_without_second_list().await,
            Action::ResumeBecause(why) => process.goes_on(why, &TakenOut::default(), false).await,
            Action::ResumeWithout(addresses) => process.resume_without(&addresses).await,
            Action::ResumeHolding(domain) => process.resume_holding(domain).await,
            Action::Delisted(name) => process.delisted(name).await,
            Action::Complain(domain, people) => process.complain(domain, people).await,
            Action::SendAgain => process.send_again().await,
            Action::Cancel => {
                let first = process.first().await;
                process.handle().cancel(first, &actor()).await.expect("cancelled");
                self.stops.push(Stop { from: process.now(), until: Timestamp::MAX });
            }
            Action::Mail(name) => process.mail(&name, &[]).await,
            Action::MailAlsoTo(name, newcomers) => process.mail(&name, &newcomers).await,
            Action::SendReports => {
                process.stop().await;
                process.make_engine().send_reports().await.expect("the ledger works");
            }
            Action::Schedule(name, begins) => process.schedule(name, begins).await,
            Action::Webhook(url) => process.make_webhook(url).await,
            Action::TellAgain(after, through) => process.tell_again(after, through).await,
            Action::Alerts(told, pinged) => {
                let webhook = Way::Webhook { url: told.to_owned() };
                let ping = Way::Ping { url: pinged.to_owned(), every_minutes: 5 };
                process.tell_alerts_by([webhook, ping].as_slice()).await;
            }
            Action::AlertMail(to, relay) => {
                let (to, from, relay) = (to.to_owned(), SENDER_ADDRESS.to_owned(), relay.to_owned());
                process.tell_alerts_by(&[Way::Mail { to, from, relay, password: None }]).await;
            }
            Action::Post(address) => process.post(&address, false).await,
            Action::PostOnce(address) => process.post(&address, true).await,
            Action::Hold(held, until) => process.hold(held, until).await,
            Action::CancelPart(held) => process.cancel_part(held).await,
            Action::DescribeSource(name, address) => process.describe_source(name, address).await,
            Action::RetireSource(name) => process.retire_source(name).await,
            Action::Describe(providers, rules) => {
                let own = |path, text| OwnFile { path, text };
                let described = Described::with(Some(own("providers.toml", providers)), Some(own("rules.toml", rules)));
                process.handle().describe(described.expect("the files can be used"));
            }
            Action::MakeRoom => process.make_room().await,
            Action::Sequence(name, definition) => process.sequence(name, *definition).await,
            Action::Watch(name, rule) => process.watch_segment(name, rule).await,
            Action::Tell(address, event) => process.tell(&address, event).await,
            Action::Ahead(by) => process.sim.clock.jump(by),
            Action::Dns(change) => change(process.sim.internet.zone()),
            Action::World(change) => change(&process.sim.internet),
            Action::DnsFault(domain, fault) => process.sim.internet.zone().set_fault(&domain, fault),
            Action::Kill | Action::LosePower | Action::Wait => {}
        }
    }
}

impl Process<'_> {
    async fn suppress(&self, address: &str, reason: SuppressionReason) {
        let target = Target::Address(address.to_owned());
        let handle = self.handle();
        handle.suppress(WorkspaceId::FIRST, target, reason, None, &actor()).await.expect("suppressed");
    }

    async fn decline(&self, address: &str, topic: &str) {
        let address = EmailAddress::parse(address).expect("an address");
        let known = self.store.contacts_by_address(WorkspaceId::FIRST, &address).await.expect("readable");
        let choice = Choice { topics: [(topic.to_owned(), false)].into(), ..Choice::default() };
        for person in known {
            let (choice, them) = (choice.clone(), &model::Actor::Recipient);
            self.store.choose(WorkspaceId::FIRST, person.id, choice, them, self.now()).await.expect("chosen");
        }
    }

    async fn pause(&self) {
        let first = self.first().await;
        self.handle().pause(first, Some("to look at it".into()), &actor()).await.expect("paused");
    }

    async fn resume(&mut self) {
        let first = self.first().await;
        if !self.works_on.contains(&first) {
            // As the program does: a run takes up only what it began with.
            self.stop().await;
        }
        self.handle().resume(first, None, &actor()).await.expect("resumed");
        self.start().await.expect("started");
    }

    async fn resume_without_second_list(&mut self) {
        let lists = self.store.list_imports(WorkspaceId::FIRST).await.expect("the ledger can be read");
        let second = lists.get(1).expect("there is a second list").id;
        let without = TakenOut { imports: vec![second], ..TakenOut::default() };
        self.goes_on("the second list is taken out", &without, true).await;
    }

    async fn resume_without(&mut self, addresses: &[String]) {
        let key = |address: &String| EmailAddress::parse(address).expect("an address").key();
        let people = Arc::new(addresses.iter().map(key).collect());
        self.goes_on("they are dead", &TakenOut { people, ..TakenOut::default() }, true).await;
    }

    async fn resume_holding(&mut self, domain: &str) {
        let first = self.first().await;
        assert!(!self.is_met(first, &TakenOut::default()).await, "nobody is held yet");
        let hold = NewHold { domain: Some(domain.to_owned()), ..blank_hold() };
        self.handle().place_hold(hold, &actor()).await.expect("held");
        self.goes_on("they are held", &TakenOut::default(), false).await;
    }

    async fn delisted(&self, name: &str) {
        let sources = self.store.sources().await.expect("the ledger can be read");
        let source = sources.iter().find(|source| source.name == name).expect("it is described");
        let sites = self.handle().delisted(source, None, &actor()).await.expect("the engine is at work");
        assert!(!sites.is_empty(), "it rested nowhere");
    }

    async fn send_again(&self) {
        let first = self.campaigns().await.swap_remove(0);
        let again = self.handle().queue_again(&first, None, |_| true, &actor()).await.expect("it may be sent again");
        assert!(again > 0, "nobody is in doubt");
    }

    /// Another campaign goes to the same people, and to newcomers with a list of their own.
    async fn mail(&mut self, name: &str, newcomers: &[String]) {
        let now = self.now();
        if !self.scenario.is_served {
            self.stop().await;
        }
        let (store, scenario) = (&self.store, self.scenario);
        let mut letter = Letter::beside(scenario, name);
        if !newcomers.is_empty() {
            let mut lists = first_lists(store, scenario).await;
            lists.push(import(store, scenario, newcomers, 4, now).await);
            letter.lists = Some(lists);
        }
        mail(store, &letter, now).await.expect("launched");
        self.start().await.expect("started");
        self.hand_over().await;
    }

    async fn schedule(&self, name: String, begins: Duration) {
        let imports = self.store.list_imports(WorkspaceId::FIRST).await.expect("the ledger can be read");
        let proposal = Proposal {
            file: MessageFile::new("spring.md".into(), source(&name)),
            name,
            options: options(),
            audience: Audience::imports(imports.iter().take(1).map(|import| import.id)),
            trial: None,
        };
        let made = drafts::make(&self.store, WorkspaceId::FIRST, &proposal, &actor(), self.now()).await;
        let (draft, handle) = (made.expect("made"), self.handle());
        handle.schedule(WorkspaceId::FIRST, draft.id, EPOCH + begins, &actor()).await.expect("scheduled");
    }

    async fn make_webhook(&self, url: &str) {
        let secret = engine::webhooks::fresh_secret(self.sim.world.entropy.as_ref());
        let chosen = WebhookEdit { url: url.to_owned(), description: String::new(), events: vec!["*".to_owned()] };
        let made = self.store.make_webhook(WorkspaceId::FIRST, chosen, secret, &actor(), self.now()).await;
        made.expect("there is room for a webhook");
        self.handle().webhooks_changed();
    }

    async fn tell_again(&self, after: u32, through: u32) {
        let webhook = self.store.webhooks_at_work().await.expect("the ledger can be read")[0].id;
        let place = |place: u32| place.to_string().parse::<Cursor>().expect("a place");
        let part = (place(after), Some(place(through)));
        self.store.replay_webhook(WorkspaceId::FIRST, webhook, part, &actor(), self.now()).await.expect("moved");
        self.handle().webhooks_changed();
    }

    async fn tell_alerts_by(&self, ways: &[Way]) {
        for way in ways {
            let mut nonce = [0; 12];
            self.sim.world.entropy.fill("alert channel nonce", &mut nonce);
            let channel = NewChannel {
                workspace: WorkspaceId::FIRST,
                name: way.word().to_owned(),
                kind: way.word().to_owned(),
                shown: way.shown(),
                needs: way.kept(),
                nonce,
            };
            self.store.make_alert_channel(channel, &actor(), self.now()).await.expect("there is room for a channel");
        }
        self.handle().alerts_changed();
    }

    /// A program asks for one message.
    async fn post(&self, address: &str, no_resend: bool) {
        let content = Content {
            file: MessageFile::new("message.html".into(), "<p>Thank you, {{ name }}.</p>".into()),
            from: SENDER.into(),
            subject: Some("Your order".into()),
            headers: Vec::new(),
            files: Vec::new(),
            columns: vec!["name".into()],
            look: Look::Transactional,
            postal_address: None,
            no_resend,
            tried: None,
        };
        let message = Outgoing {
            to: EmailAddress::parse(address).expect("an address"),
            to_name: None,
            content,
            data: r#"{"name":"Ada"}"#.into(),
            tags: None,
            stream: "receipts".into(),
        };
        let (handle, workspace) = (self.handle(), WorkspaceId::FIRST);
        let posted = handle.post(&self.sim.world, &options(), workspace, vec![message], None, &actor()).await;
        assert!(posted.expect("taken").iter().all(|one| one.skip.is_none()));
    }

    async fn hold(&self, held: Held, until: Duration) {
        let is_cold = held == Held::Cold;
        let mut hold = NewHold { until: Some(EPOCH + until), ..reach_of(held) };
        if is_cold {
            hold.campaign = Some(self.first().await);
        }
        self.handle().place_hold(hold, &actor()).await.expect("held");
    }

    async fn cancel_part(&self, held: Held) {
        let part = NewHold { campaign: Some(self.first().await), ..reach_of(held) };
        let done = self.handle().cancel_part(part, &actor()).await.expect("cancelled");
        assert!(matches!(done, Obeyed::Recorded(_)), "the ledger works");
    }

    async fn describe_source(&self, name: &str, address: &str) {
        let new = NewSource {
            name: name.to_owned(),
            address: Some(address.parse().expect("an address")),
            ehlo_name: format!("{name}.{SENDER_DOMAIN}"),
            warm_since: Some(EPOCH - STORY * 10),
            ..NewSource::default()
        };
        self.store.put_source(new, &actor(), self.now()).await.expect("described");
        self.handle().ways_changed().await.expect("read again");
    }

    async fn retire_source(&self, name: &str) {
        let known = self.store.sources().await.expect("the ledger can be read");
        let known = known.into_iter().find(|source| source.name == name).expect("it is described");
        self.store.retire_source(known.id, &actor(), self.now()).await.expect("retired");
        self.handle().ways_changed().await.expect("read again");
    }

    async fn make_room(&self) {
        let imports = self.store.list_imports(WorkspaceId::FIRST).await.expect("the ledger can be read");
        let unused = imports.last().expect("there is a list that nobody uses");
        self.store.remove_import(unused.id, &actor(), self.now()).await.expect("removed");
    }
}

/// What a hold on it covers, of the whole workspace and until it is lifted.
fn reach_of(held: Held) -> NewHold {
    match held {
        Held::Provider(key) => NewHold { provider: Some(key), ..blank_hold() },
        Held::Domain(name) => NewHold { domain: Some(name), ..blank_hold() },
        Held::Cold => NewHold { cold_only: true, ..blank_hold() },
    }
}
