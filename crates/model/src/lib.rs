//! The vocabulary of the house: what the other crates agree to call things.
//!
//! Everything here is a value. There is no clock, no socket, no file and no randomness: `now` and seeds are
//! arguments everywhere. The words are those of the glossary in `docs/glossary.md`; the same word names the same
//! thing in code, SQL, pages, logs and documents.

pub mod access;
pub mod address;
pub mod alert;
pub mod attempt;
pub mod brand;
pub mod campaign;
pub mod cause;
pub mod ceilings;
pub mod contact;
pub mod delivery;
pub mod event;
pub mod figure;
pub mod host;
pub mod id;
mod nearest;
pub mod origin;
pub mod reaction;
pub mod reply;
mod said;
pub mod segment;
pub mod sequence;
mod tag;
pub mod tally;
pub mod time;
pub mod verdict;
pub mod volume;

pub use access::{Role, Scopes};
pub use address::{AddressError, EmailAddress, MailDomain};
pub use alert::AlertKind;
pub use attempt::{Attempt, TlsVersion};
pub use brand::{Colour, Language};
pub use campaign::{CampaignKind, CampaignState};
pub use cause::CauseMark;
pub use ceilings::Ceilings;
pub use contact::{ContactChange, ContactStatus, ErrorCause, SuppressionReason};
pub use delivery::{DeliveryState, SkipReason};
pub use event::{Actor, EventKind};
pub use figure::thousands;
pub use host::HostFound;
pub use id::{
    AddressId, AlertId, CampaignId, ChannelId, ContactId, DeliveryId, DomainId, HoldId, IdMaker, ImportId, JobId,
    KeyId, ListId, MessageId, PoolId, SegmentId, SequenceId, SiteId, SourceId, SunsetId, TemplateId, UserId, WebhookId,
    WorkspaceId,
};
pub use nearest::nearest;
pub use reaction::ReactionKind;
pub use reply::{EnhancedCode, Reply};
pub use said::{in_quotes, one_line, steers};
pub use sequence::{Departure, SequenceState};
pub use tag::{EMAIL_TAG, tag_of_column};
pub use tally::Tally;
pub use time::Timestamp;
pub use verdict::{Blame, Category, Class, Disposition, Outcome, Scope, Stage, Verdict};
pub use volume::DayCount;
