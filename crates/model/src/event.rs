//! The event log: what happened, by whose hand. Timelines, reports and (later) webhooks are folds over it.

use crate::verdict::words;
use crate::{KeyId, UserId};
use serde::{Deserialize, Serialize};

words! {
    /// What happened.
    EventKind {
        /// An import was finished.
        Imported = 0 "imported",
        /// An import was removed.
        ImportRemoved = 1 "import_removed",
        /// A contact was edited.
        ContactEdited = 2 "contact_edited",
        /// A person was forgotten.
        Forgotten = 3 "forgotten",
        /// A campaign's audience was resolved and frozen.
        Built = 4 "built",
        /// A campaign was started or taken up again.
        Started = 5 "started",
        /// A campaign was paused.
        Paused = 6 "paused",
        /// A campaign was resumed.
        Resumed = 7 "resumed",
        /// A campaign was cancelled.
        Cancelled = 8 "cancelled",
        /// A campaign was completed.
        Completed = 9 "completed",
        /// A delivery was skipped after the build.
        Skipped = 10 "skipped",
        /// A try was accepted.
        Accepted = 11 "accepted",
        /// A try was put off.
        Deferred = 12 "deferred",
        /// A delivery ended soft.
        SoftBounced = 13 "soft_bounced",
        /// A delivery ended hard.
        HardBounced = 14 "hard_bounced",
        /// A delivery ended blocked.
        Blocked = 15 "blocked",
        /// A delivery's final reply was lost.
        InDoubt = 16 "in_doubt",
        /// A delivery in doubt was put back in the queue.
        Requeued = 17 "requeued",
        /// An address was suppressed.
        Suppressed = 18 "suppressed",
        /// A suppression was lifted.
        SuppressionLifted = 19 "suppression_lifted",
        /// A contact's status changed.
        StatusChanged = 20 "status_changed",
        /// A key was made.
        KeyMade = 21 "key_made",
        /// A backup was written.
        BackedUp = 22 "backed_up",
        /// A restored or copied directory was adopted.
        Adopted = 23 "adopted",
        /// A site was put on hold.
        SiteHeld = 24 "site_held",
        /// A setting was changed.
        SettingChanged = 25 "setting_changed",
        /// An import was begun.
        ImportBegun = 26 "import_begun",
        /// A campaign was made.
        CampaignMade = 27 "campaign_made",
        /// A campaign that was never started was thrown away.
        CampaignDiscarded = 28 "campaign_discarded",
        /// A limit of a receiving site was learned, loosened or forgotten.
        LimitLearned = 29 "limit_learned",
        /// A source or pool was described, changed or retired.
        SourceChanged = 30 "source_changed",
        /// A source rests toward a provider: it is listed or distrusted there.
        SourceRested = 31 "source_rested",
        /// A brake stopped a campaign.
        Braked = 32 "braked",
        /// A rate is near the brake's limit.
        Warned = 33 "warned",
        /// A provider seems to have an incident: suppressions it causes are provisional.
        Incident = 34 "incident",
        /// Part of the work was put on hold.
        HoldPlaced = 35 "hold_placed",
        /// A hold was lifted, or ended.
        HoldLifted = 36 "hold_lifted",
        /// A delivery in doubt was settled by evidence.
        DoubtSettled = 37 "doubt_settled",
        /// The canary sample has its verdict.
        CanaryEnded = 38 "canary_ended",
        /// A daily TLS report was sent.
        TlsReported = 39 "tls_reported",
        /// A day's budget toward a provider is spent.
        BudgetSpent = 40 "budget_spent",
        /// Somebody was given a place in the workspace.
        UserAdded = 41 "user_added",
        /// Somebody's name, role or access changed.
        UserChanged = 42 "user_changed",
        /// Somebody lost their place in the workspace.
        UserRemoved = 43 "user_removed",
        /// Somebody signed in.
        SignedIn = 44 "signed_in",
        /// Somebody was refused too often.
        SignInRefused = 45 "sign_in_refused",
        /// Somebody signed out.
        SignedOut = 46 "signed_out",
        /// A key to the API was made.
        ApiKeyMade = 47 "api_key_made",
        /// A key to the API was revoked.
        ApiKeyRevoked = 48 "api_key_revoked",
        /// A workspace was made or renamed.
        WorkspaceChanged = 49 "workspace_changed",
        /// Something was taken out in bulk.
        Exported = 50 "exported",
        /// A picture for messages was sent in.
        ImageKept = 51 "image_kept",
        /// A list was made.
        ListMade = 60 "list_made",
        /// A list was changed.
        ListChanged = 61 "list_changed",
        /// A list was removed.
        ListRemoved = 62 "list_removed",
        /// Somebody came onto a list.
        ListJoined = 63 "list_joined",
        /// Somebody confirmed that they want to be on a list.
        ListConfirmed = 64 "list_confirmed",
        /// Somebody left a list or was taken off it.
        ListLeft = 65 "list_left",
        /// Somebody consented to mail.
        Consented = 66 "consented",
        /// Somebody chose which topics they want.
        TopicsChosen = 67 "topics_chosen",
        /// Somebody asked for a pause, or ended it.
        MailPaused = 68 "mail_paused",
        /// A segment was made.
        SegmentMade = 69 "segment_made",
        /// A segment was changed.
        SegmentChanged = 70 "segment_changed",
        /// A segment was removed.
        SegmentRemoved = 71 "segment_removed",
        /// A contact was made.
        ContactMade = 72 "contact_made",
        /// Somebody was asked by mail whether they want to be on a list.
        ConfirmationAsked = 73 "confirmation_asked",
        /// Whoever came from somewhere is not mailed any more.
        OriginStopped = 74 "origin_stopped",
        /// They are mailed again.
        OriginAllowed = 75 "origin_allowed",
        /// People who did nothing for long were put to rest.
        PutToRest = 76 "put_to_rest",
        /// People who had been put to rest were woken.
        Woken = 77 "woken",
        /// Many were restored at once: bounces lifted, or contacts brought back from `error`.
        Restored = 78 "restored",
        /// A message was opened.
        Opened = 80 "opened",
        /// A link was followed.
        Clicked = 81 "clicked",
        /// Somebody answered.
        Replied = 82 "replied",
        /// Somebody called a message spam.
        Complained = 83 "complained",
        /// Somebody unsubscribed.
        Unsubscribed = 84 "unsubscribed",
        /// Another system told of something.
        CustomEvent = 85 "custom_event",
        /// An open or a click is judged anew: what came later tells that a machine made it, or did not.
        Rescored = 86 "rescored",
        /// A campaign that is being written was changed.
        CampaignEdited = 90 "campaign_edited",
        /// A campaign was given the time at which it begins.
        Scheduled = 91 "scheduled",
        /// A campaign that was to begin was taken back.
        TakenBack = 92 "taken_back",
        /// A delivery was added to a campaign that takes them one by one.
        Queued = 93 "queued",
        /// A template was made or has a new version.
        TemplateSaved = 94 "template_saved",
        /// A template was removed.
        TemplateRemoved = 95 "template_removed",
        /// What a comparison of variants showed.
        TrialJudged = 96 "trial_judged",
        /// A variant was chosen for everybody who has none.
        VariantChosen = 97 "variant_chosen",
        /// A webhook was made.
        WebhookMade = 100 "webhook_made",
        /// A webhook was changed, got a new secret, or goes on from another place of the log.
        WebhookChanged = 101 "webhook_changed",
        /// A webhook was removed.
        WebhookRemoved = 102 "webhook_removed",
        /// A webhook is told nothing any more.
        WebhookDisabled = 103 "webhook_disabled",
        /// A webhook is told again.
        WebhookEnabled = 104 "webhook_enabled",
        /// A way to tell somebody of alerts was made or removed.
        AlertChannelChanged = 105 "alert_channel_changed",
        /// An alert was snoozed, or is no longer.
        AlertSnoozed = 106 "alert_snoozed",
        /// A sequence was made.
        SequenceMade = 110 "sequence_made",
        /// A sequence was changed: a new version of it is being written.
        SequenceChanged = 111 "sequence_changed",
        /// A sequence was activated, or goes on after a pause.
        SequenceActivated = 112 "sequence_activated",
        /// A sequence was paused.
        SequencePaused = 113 "sequence_paused",
        /// A sequence was archived, or thrown away before it was ever activated.
        SequenceArchived = 114 "sequence_archived",
        /// Somebody came into a sequence.
        SequenceEntered = 115 "sequence_entered",
        /// Somebody reached the goal of a sequence.
        SequenceReached = 116 "sequence_reached",
        /// Somebody left a sequence before its end.
        SequenceLeft = 117 "sequence_left",
        /// Somebody came to the end of a sequence.
        SequenceEnded = 118 "sequence_ended",
        /// A sequence told whoever listens.
        SequenceCalled = 119 "sequence_called",
        /// Somebody came into a segment that is watched.
        SegmentEntered = 120 "segment_entered",
        /// Somebody is no longer in a segment that is watched.
        SegmentLeft = 121 "segment_left",
        /// A delivery was handed to a server for the first time. Told in the story of a person alone: the log has the try,
        /// which is its own event.
        Sent = 122 "sent",
        /// A step of a sequence left a value as it was: with it there would be too much of that person's values.
        SequenceNotSet = 123 "sequence_not_set",
    }
}

impl EventKind {
    /// Does the log have events of this kind? Others are told in the story of a person alone.
    pub const fn is_logged(self) -> bool {
        !matches!(self, EventKind::Sent)
    }

    /// Is it about the house alone: who works here, with which keys and settings, and what was taken out? The audit log tells
    /// of these, and nobody else is told.
    pub const fn is_inside(self) -> bool {
        use EventKind as K;
        matches!(
            self,
            K::KeyMade
                | K::BackedUp
                | K::Adopted
                | K::SettingChanged
                | K::UserAdded
                | K::UserChanged
                | K::UserRemoved
                | K::SignedIn
                | K::SignInRefused
                | K::SignedOut
                | K::ApiKeyMade
                | K::ApiKeyRevoked
                | K::WorkspaceChanged
                | K::Exported
                | K::WebhookMade
                | K::WebhookChanged
                | K::WebhookRemoved
                | K::WebhookDisabled
                | K::WebhookEnabled
                | K::AlertChannelChanged
        )
    }
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Actor {
    /// The engine, by its rules.
    Engine,
    /// A person at the command line, by login name.
    CommandLine(String),
    /// The recipient themselves.
    Recipient,
    /// Somebody who signed in.
    User(UserId),
    /// A program, by its key.
    Key(KeyId),
}

impl Actor {
    /// How the ledger writes it: `engine`, `cli:anna`, `recipient`, `user:u_…`, `key:k_…`.
    pub fn as_text(&self) -> String {
        match self {
            Actor::Engine => "engine".to_owned(),
            Actor::CommandLine(name) => format!("cli:{name}"),
            Actor::Recipient => "recipient".to_owned(),
            Actor::User(id) => format!("user:{id}"),
            Actor::Key(id) => format!("key:{id}"),
        }
    }
}
