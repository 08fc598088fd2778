//! What somebody's next move in a sequence is: given the plan, their place and what is known of them, one act.
//!
//! The shell writes each act down in one transaction with all it brings about, then asks again. Invariants: every move
//! goes to a greater number, so that everybody comes to an end; no step is done twice; nobody waits longer than their
//! wait says.

#[cfg(test)]
mod tests;

use crate::windows::{Zone, next_time_of_day};
use model::segment::Rule;
use model::sequence::{Definition, Set, Step, TimeOfDay, Wait};
use model::{Departure, SkipReason, Timestamp};
use std::fmt;

/// A definition with its steps numbered and their ways on known.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    nodes: Vec<Node>,
    /// Of those whose own is not known.
    zone: Option<Zone>,
}

#[derive(Clone, Debug, PartialEq)]
struct Node {
    op: Op,
    /// Where it goes on; of a branch, where it goes if its rule does not hold.
    next: u16,
    /// Of a branch: where it goes if its rule holds.
    then: u16,
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// It waits.
    Wait(Wait),
    /// It goes one way if this holds and another if not.
    Branch(Rule),
    /// It sends the message of this name.
    Send(String),
    /// It sets a value.
    Set(Set),
    /// It tells whoever listens.
    Call(String),
    /// It is over.
    End,
}

/// Where somebody is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The step they are at, from 1.
    pub step: u16,
    /// They wait there until then; `None`: they have just come to it.
    pub until: Option<Timestamp>,
    /// What they wait for was told.
    pub heard: bool,
}

/// What is known of somebody now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Facts<'a> {
    /// They reached the goal.
    pub reached: bool,
    /// Why they may not be mailed, if so.
    pub barred: Option<SkipReason>,
    /// Whether the rule of the branch they are at holds.
    pub holds: bool,
    /// Their time zone.
    pub zone: Option<&'a Zone>,
}

/// What happens next to somebody. `to` is the step they are at afterwards; beyond the last one, they are at the end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act<'a> {
    /// Their way is over.
    Depart(Departure),
    /// They stay until then, or until this is told.
    Rest {
        /// Until when at the latest.
        until: Timestamp,
        /// The custom event that ends it earlier.
        hears: Option<&'a str>,
    },
    /// They go on.
    Go {
        /// To this step.
        to: u16,
    },
    /// They are sent a message, and go on.
    Send {
        /// Which.
        message: &'a str,
        /// To this step.
        to: u16,
    },
    /// One of their values is set, and they go on.
    Set {
        /// Which, and to what.
        set: &'a Set,
        /// To this step.
        to: u16,
    },
    /// Whoever listens is told, and they go on.
    Call {
        /// Under which name.
        name: &'a str,
        /// To this step.
        to: u16,
    },
}

impl Plan {
    /// The plan of a definition that was checked.
    pub fn of(definition: &Definition) -> Plan {
        let mut plan = Plan { nodes: Vec::new(), zone: definition.zone.as_deref().and_then(Zone::find) };
        let end = number(definition.steps.iter().map(size).sum::<usize>() + 1);
        plan.lay(&definition.steps, end);
        plan
    }

    /// Numbers these steps; the last of them goes on at `after`.
    fn lay(&mut self, steps: &[Step], after: u16) {
        for (place, step) in steps.iter().enumerate() {
            let own = self.nodes.len() + 1;
            let next = if place + 1 == steps.len() { after } else { number(own + size(step)) };
            let Step::Branch(branch) = step else {
                self.nodes.push(Node { op: op(step), next, then: next });
                continue;
            };
            let arm = |steps: &[Step], begins: usize| if steps.is_empty() { next } else { number(begins) };
            let otherwise = arm(&branch.otherwise, own + 1 + branch.then.iter().map(size).sum::<usize>());
            let then = arm(&branch.then, own + 1);
            self.nodes.push(Node { op: Op::Branch(branch.when.clone()), next: otherwise, then });
            self.lay(&branch.then, next);
            self.lay(&branch.otherwise, next);
        }
    }

    /// What the step of a number does; `None`: there is no such step, it is the end.
    pub fn op(&self, step: u16) -> Option<&Op> {
        self.node(step).map(|node| &node.op)
    }

    /// How many steps there are.
    pub fn len(&self) -> u16 {
        number(self.nodes.len())
    }

    /// Is there no step?
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    fn node(&self, step: u16) -> Option<&Node> {
        usize::from(step).checked_sub(1).and_then(|at| self.nodes.get(at))
    }

    /// The rule that has to be asked of whoever is at this step.
    pub fn asks(&self, step: u16) -> Option<&Rule> {
        match self.op(step) {
            Some(Op::Branch(rule)) => Some(rule),
            _ => None,
        }
    }
}

/// What happens next to somebody at `place`.
pub fn decide<'a>(plan: &'a Plan, place: Place, facts: Facts<'_>, now: Timestamp) -> Act<'a> {
    if facts.reached {
        return Act::Depart(Departure::Reached);
    }
    if let Some(departure) = facts.barred.and_then(Departure::of) {
        return Act::Depart(departure);
    }
    let Some(node) = plan.node(place.step) else { return Act::Depart(Departure::Ended) };
    let to = node.next;
    match &node.op {
        Op::End => Act::Depart(Departure::Ended),
        Op::Send(message) => Act::Send { message, to },
        Op::Set(set) => Act::Set { set, to },
        Op::Call(name) => Act::Call { name, to },
        Op::Branch(_) => Act::Go { to: if facts.holds { node.then } else { to } },
        Op::Wait(wait) => {
            let until = place.until.unwrap_or_else(|| wait_until(wait, facts.zone.or(plan.zone.as_ref()), now));
            let hears = match wait {
                Wait::Event(awaited) => Some(awaited.name.as_str()),
                Wait::For(_) | Wait::Until(_) => None,
            };
            // What was told before they came here is not what they wait for.
            let heard = place.heard && place.until.is_some() && hears.is_some();
            if heard || until <= now { Act::Go { to } } else { Act::Rest { until, hears } }
        }
    }
}

/// When a wait that begins now is over.
fn wait_until(wait: &Wait, zone: Option<&Zone>, now: Timestamp) -> Timestamp {
    let after =
        |length: model::sequence::Length| Timestamp::from_millis(now.as_millis().saturating_add(length.as_millis()));
    match wait {
        Wait::For(length) => after(*length),
        Wait::Until(time) => next_time_of_day(now, TimeOfDay::minutes(*time), zone),
        Wait::Event(awaited) => after(awaited.at_most),
    }
}

fn op(step: &Step) -> Op {
    match step {
        Step::Wait(wait) => Op::Wait(wait.clone()),
        Step::Branch(branch) => Op::Branch(branch.when.clone()),
        Step::Send(message) => Op::Send(message.clone()),
        Step::Set(set) => Op::Set(set.clone()),
        Step::Call(name) => Op::Call(name.clone()),
        Step::End => Op::End,
    }
}

fn size(step: &Step) -> usize {
    match step {
        Step::Branch(branch) => 1 + branch.then.iter().chain(&branch.otherwise).map(size).sum::<usize>(),
        Step::Wait(_) | Step::Send(_) | Step::Set(_) | Step::Call(_) | Step::End => 1,
    }
}

/// A definition has few steps ([`model::sequence::STEPS_MAX`]).
fn number(steps: usize) -> u16 {
    u16::try_from(steps).unwrap_or(u16::MAX)
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Op::Wait(Wait::For(length)) => write!(f, "wait {length}"),
            Op::Wait(Wait::Until(time)) => write!(f, "wait until {time}"),
            Op::Wait(Wait::Event(awaited)) => write!(f, "wait for {}, {} at most", awaited.name, awaited.at_most),
            Op::Branch(rule) => write!(f, "branch on {rule}"),
            Op::Send(message) => write!(f, "send {message}"),
            Op::Set(set) => write!(f, "set {}", set.name),
            Op::Call(name) => write!(f, "call {name}"),
            Op::End => f.write_str("end"),
        }
    }
}
