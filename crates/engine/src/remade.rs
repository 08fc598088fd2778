//! One person's message, made once more.
//!
//! Nothing rendered is stored, so what somebody was sent is put together again: the campaign's message, their values, the
//! time of the last try, the campaign's key. A message that was asked for by itself has its values beside it; a mailing is
//! made with the values its person has today. Nothing is recorded, nothing leaves.

use crate::mailing::Addressee;
use crate::{SendError, launch};
use model::Timestamp;
use net::Entropy;
use store::{DeliveryRow, Store};

/// A message as its recipient's server gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remade {
    /// Who it is from, as a reader sees it.
    pub from: String,
    /// Its subject, with their values.
    pub subject: String,
    /// The envelope's sender, whom failures are reported to.
    pub mail_from: String,
    /// Its size in octets, signatures included, not dot-stuffed.
    pub size_bytes: u64,
    /// The domain and the selector it is signed with; `None`: whoever passes it on signs it.
    pub signed_by: Option<(String, String)>,
    /// Is it made with the values of today? They may have been others when it was sent.
    pub values_of_today: bool,
}

/// Makes the message of a delivery again. `now`: its date, where it was never tried.
///
/// Refused, as it would be when sent: a person who was forgotten, a content or a key that is not kept any more, values for
/// which it cannot be made.
pub async fn remade(
    store: &Store,
    entropy: &dyn Entropy,
    row: &DeliveryRow,
    now: Timestamp,
) -> Result<Remade, SendError> {
    let gone = || SendError::Input("the person was forgotten".to_owned());
    let contact = store.contact(row.contact).await?.ok_or_else(gone)?;
    let campaign = store.campaign(row.campaign).await?;
    let campaign = campaign.ok_or_else(|| SendError::Input("the campaign is gone".to_owned()))?;
    let mailing = launch::mailing(store, &campaign, entropy).await?;
    let to = Addressee {
        workspace: campaign.workspace,
        campaign: campaign.id,
        delivery: row.delivery,
        rcpt: row.email.as_deref().ok_or_else(gone)?,
        attributes: &contact.attributes,
        variant: row.variant,
    };
    let at = row.last.as_ref().map_or(now, |last| last.started_at);
    let mut letter = mailing.letter(store, to, at).await?;
    let head = mail::message::head(&letter.bytes);
    mailing.sign(&mut letter.bytes, at).map_err(SendError::Input)?;
    let signed_by = mailing.signer.as_ref().map(|by| (by.domain().as_str().to_owned(), by.selector().to_owned()));
    Ok(Remade {
        from: head.from,
        subject: head.subject,
        mail_from: letter.mail_from,
        size_bytes: letter.bytes.len() as u64,
        signed_by,
        values_of_today: !mailing.is_each_its_own(),
    })
}
