//! scratch
#![allow(clippy::all, missing_docs)]
use engine::*;
use std::sync::Arc;
struct W(std::sync::Mutex<std::collections::BTreeMap<String, u32>>);
impl note::Watch for W { fn note(&self, n: note::Note) { let k = format!("{n:?}"); let k = k.chars().take(160).collect::<String>(); if !k.starts_with("LedgerWorks") { *self.0.lock().unwrap().entry(k).or_default() += 1; } } }
#[test]
fn smoke() {
    let rt = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    rt.block_on(async {
        let wall = std::time::Instant::now();
        let n: usize = std::env::var("N").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
        let sim = sim::world::SimWorld::new(7);
        let now = sim.world.clock.now();
        let store = store::Store::open(store::OpenOptions::memory([7; 32]), now).unwrap();
        let sample = sim::people::sample(n, 7);
        let dir = tempfile::tempdir().unwrap();
        let csv = dir.path().join("people.csv");
        std::fs::write(&csv, &sample.csv).unwrap();
        let actor = model::Actor::CommandLine("test".into());
        let req = import::ImportRequest { workspace: model::WorkspaceId::FIRST, file: csv, mapping: Default::default(), encoding: None, delimiter: None, rejects: dir.path().join("rej.csv") };
        let clock = sim.world.clock.clone();
        let rep = import::import_file(&store, &req, &actor, &move || clock.now(), &mut |_| {}).await.unwrap();
        println!("import {rep:?}");
        let imp = store.list_imports(model::WorkspaceId::FIRST).await.unwrap();
        let sel = launch::any_key(&store, "news.postroom.test", "s1", sim.world.entropy.as_ref(), &actor, now).await.unwrap();
        let keys = store.load_keys(model::WorkspaceId::FIRST, "news.postroom.test").await.unwrap();
        let key = mail::sign::SigningKey::from_pem(std::str::from_utf8(&keys[0].1).unwrap()).unwrap();
        let rec = key.dns_record(&model::MailDomain::parse("news.postroom.test").unwrap(), &sel).unwrap();
        sim.publish_sender("news.postroom.test", &[(rec.name.clone(), rec.value.clone())]);
        let options = options::SendOptions { from: "Spring <hello@news.postroom.test>".into(), subject: None, return_path: "news.postroom.test".into(), unsubscribe: options::Unsubscribe::PublicUrl("https://news.postroom.test".into()), postal_address: Some("Postroom Ltd, 1 Mill Lane".into()), dkim: Some(options::Dkim { domain: "news.postroom.test".into(), selector: sel }), transport: options::Transport::Direct { port: 25, dns: None }, connections: None, retry: None };
        let file = launch::MessageFile { name: "m.md".into(), source: "---\nsubject: Hello {{ first_name or \"you\" }}\n---\n# Hi {{ first_name or \"friend\" }}\n\nSpring is here. [Look](https://news.postroom.test/x)\n\n[Unsubscribe]({{ unsubscribe_url }})\n\n{{ postal_address }}\n".into() };
        let columns = imp.iter().flat_map(|i| i.columns.clone()).collect();
        let draft = launch::Draft { name: "Spring".into(), snapshot: launch::Snapshot { file, options, columns }, imports: imp };
        let launched = launch::launch(&store, &draft, &actor, now).await.unwrap();
        println!("built {:?} {:?}", launched.warnings, store.tally(launched.campaign.id).await.unwrap());
        let c = store.set_campaign_state(launched.campaign.id, model::CampaignState::Sending, None, &actor, now).await.unwrap();
        let mailing = launch::mailing(&store, &c, sim.world.entropy.as_ref()).await.unwrap();
        let settings = Settings { ehlo_name: "mx.news.postroom.test".into(), way: Way::Direct { port: 25 }, ceiling: Ceiling::Providers { total: 1000 }, schedule: dispatch::retry::Schedule::shipped(), policy: Default::default(), timeouts: Default::default() };
        let watch = Arc::new(W(Default::default()));
        let engine = Engine::new(store.clone(), sim.world.clone(), settings, watch.clone());
        let end = engine.run(vec![mailing], Until::Settled).await;
        println!("end {end:?} virtual {:?} wall {:?}", sim.world.clock.now().since(now), wall.elapsed());
        println!("{:#?}", store.tally(c.id).await.unwrap());
        for c in store.causes(c.id).await.unwrap() { println!("{:?} {:?} {:?} {} {:?} x{}", c.state, c.category, c.stage, c.rule, c.provider, c.count); }
        for (k, v) in watch.0.lock().unwrap().iter() { println!("{v} {k}"); }
        println!("trace {}", sim.internet.trace_hash());
    });
}
