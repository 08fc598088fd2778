//! A campaign that brakes stopped twice, with nobody who stands out, goes on without people who are named.

use super::{Process, actor};
use engine::resume::{TakenOut, ToTakeOut, people_of};
use model::EmailAddress;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::LeftOut;

impl Process<'_> {
    /// Resumes the first campaign without these people. Groups that hold nobody of it would not do: a lead source that nobody
    /// has, a provider where nobody is, and the cold, of whom there are none.
    pub(super) async fn resume_without(&mut self, people: &[String]) {
        let (first, now) = (self.first().await, self.now());
        self.stop().await;
        let campaign = self.store.campaign(first).await.expect("the ledger can be read").expect("it is there");
        let demand = self.demand(first).await;
        assert!(matches!(demand.out, ToTakeOut::Some { .. }), "{demand:?}");
        let key = |text: &String| EmailAddress::parse(text).expect("an address").key();
        let named = Arc::new(people.iter().map(key).collect::<BTreeSet<String>>());
        let nobody = [
            TakenOut { lead_sources: vec!["nosuch".to_owned()], ..TakenOut::default() },
            TakenOut { providers: vec!["google".to_owned()], ..TakenOut::default() },
            TakenOut { cold: true, ..TakenOut::default() },
        ];
        for out in &nobody {
            let taken_out = people_of(&self.store, &campaign, out).await.expect("the ledger can be read");
            assert!(taken_out == 0 && !demand.is_met_by(out, taken_out), "{out:?}: {taken_out}");
        }
        let out = TakenOut { people: named.clone(), ..TakenOut::default() };
        let taken_out = people_of(&self.store, &campaign, &out).await.expect("the ledger can be read");
        assert!(demand.is_met_by(&out, taken_out), "{demand:?}: {taken_out}");
        self.store.leave_out(first, LeftOut::People(named), &[], &actor(), now).await.expect("left out");
        let why = Some("resumed because: a check found who is dead".to_owned());
        self.handle().resume(first, why, &actor()).await.expect("resumed");
        self.start().await.expect("started");
    }
}
