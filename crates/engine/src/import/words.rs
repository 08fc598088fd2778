//! The words people use in files of people: for columns, for states, for yes and no.
//!
//! Data rather than code: one table per question, in the languages lists are kept in. A word that is not here is
//! never guessed at. Invariant: every entry is in the folded form of [`fold`].

use super::columns::Role;
use model::{ContactStatus, SuppressionReason};

/// The columns that a rejects file adds; when such a file is repaired and imported, they are not attributes.
pub(super) const REJECT_COLUMNS: [&str; 3] = ["reject_line", "reject_reason", "reject_raw"];

/// Lower-case letters and digits only: `E-Mail Address` and `email_address` are the same.
pub(crate) fn fold(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// The header words for a role, likeliest first.
pub(crate) const fn names_of(role: Role) -> &'static [&'static str] {
    match role {
        Role::Email => &[
            "email",
            "emailaddress",
            "mail",
            "mailaddress",
            "emailadresse",
            "mailadresse",
            "adresseemail",
            "adressemail",
            "adresseélectronique",
            "courriel",
            "correo",
            "correoelectrónico",
            "correoelectronico",
            "direccióndecorreo",
            "indirizzoemail",
            "indirizzomail",
            "posta",
            "epost",
            "epostadress",
            "epostadresse",
            "emailadres",
            "mailadres",
            "endereçodeemail",
            "sähköposti",
            "adresemail",
            "электроннаяпочта",
            "メールアドレス",
            "邮箱",
            "emailid",
            "contactemail",
            "useremail",
            "customeremail",
            "primaryemail",
            "workemail",
            "personalemail",
            "recipient",
            "recipientemail",
            "to",
            "adresse",
            "address",
        ],
        Role::ExternalId => &[
            "externalid",
            "extid",
            "customerid",
            "customernumber",
            "customerno",
            "clientid",
            "contactid",
            "userid",
            "memberid",
            "membernumber",
            "subscriberid",
            "personid",
            "crmid",
            "kundennummer",
            "kundennr",
            "kundenid",
            "mitgliedsnummer",
            "numéroclient",
            "idcliente",
            "uuid",
            "guid",
            "id",
        ],
        Role::FirstName => &[
            "firstname",
            "fname",
            "givenname",
            "forename",
            "vorname",
            "prénom",
            "prenom",
            "nombre",
            "nome",
            "voornaam",
            "förnamn",
            "fornavn",
            "etunimi",
            "imię",
        ],
        Role::LastName => &[
            "lastname",
            "lname",
            "surname",
            "familyname",
            "nachname",
            "familienname",
            "nomdefamille",
            "apellido",
            "apellidos",
            "cognome",
            "achternaam",
            "efternamn",
            "etternavn",
            "sukunimi",
            "nazwisko",
        ],
        Role::FullName => &["name", "fullname", "displayname", "contactname", "customername", "nom", "naam", "navn"],
        Role::Status => &[
            "status",
            "state",
            "subscriptionstatus",
            "subscriberstatus",
            "emailstatus",
            "mailstatus",
            "emailmarketingstatus",
            "contactstatus",
            "subscribed",
            "subscription",
        ],
        Role::OptedOut => &[
            "unsubscribed",
            "optedout",
            "optout",
            "unsubscribedat",
            "unsubscribetime",
            "unsubtime",
            "optouttime",
            "optoutdate",
            "unsubscribedate",
            "abgemeldet",
            "abgemeldetam",
            "désinscrit",
            "donotemail",
            "emailoptout",
        ],
        Role::Consent => &[
            "consent",
            "consentsource",
            "optin",
            "optinsource",
            "doubleoptin",
            "acceptsmarketing",
            "acceptsemailmarketing",
            "marketingconsent",
            "marketingoptin",
            "emailoptin",
            "gdprconsent",
            "permission",
            "einwilligung",
            "consentement",
            "consentimiento",
            "consenso",
            "consentform",
            "signupform",
        ],
        Role::ConsentTime => &[
            "consenttime",
            "consentdate",
            "consentat",
            "optintime",
            "optindate",
            "optinat",
            "confirmtime",
            "confirmedat",
            "confirmdate",
            "subscribedat",
            "subscribedate",
            "subscriptiondate",
            "signupdate",
            "signupat",
            "einwilligungam",
            "angemeldetam",
        ],
        Role::ConsentIp => &["consentip", "optinip", "confirmip", "signupip", "ipaddress", "ip"],
        Role::LeadSource => &[
            "leadsource",
            "source",
            "origin",
            "quelle",
            "herkunft",
            "utmsource",
            "acquisitionsource",
            "signupsource",
            "fuente",
            "provenance",
            "channel",
        ],
        // No word for opens: nothing is decided by them.
        Role::StatusTime => &["statustime", "suppressedat", "bouncedat", "complainedat"],
        Role::LastEngaged => &[
            "lastengaged",
            "lastengagedat",
            "lastengagement",
            "lastengagementdate",
            "lastclick",
            "lastclicked",
            "lastclickat",
            "lastclickdate",
            "lastclickedat",
            "lastemailclickdate",
            "lastreply",
            "lastreplied",
            "lastreplydate",
            "lastpurchase",
            "lastpurchasedate",
            "lastorder",
            "lastorderdate",
            "letzterklick",
            "letztebestellung",
            "dernierclic",
            "últimoclic",
        ],
    }
}

/// What a status word of another system means here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The status of the contact.
    pub(crate) status: ContactStatus,
    /// Why the address must not be mailed at all, if it must not.
    pub(crate) suppress: Option<SuppressionReason>,
}

const fn standing_of(status: ContactStatus, suppress: Option<SuppressionReason>) -> Option<Standing> {
    Some(Standing { status, suppress })
}

/// Reads a status word; `None` for a word that is not known.
pub(crate) fn standing(word: &str) -> Option<Standing> {
    use ContactStatus::{Active, Error, OptedOut, Unconfirmed};
    match fold(word).as_str() {
        "active" | "subscribed" | "confirmed" | "enabled" | "optedin" | "optin" | "valid" | "ok" | "yes" | "true"
        | "1" | "aktiv" | "angemeldet" | "ja" | "actif" | "abonné" | "inscrit" | "oui" | "activo" | "suscrito"
        | "sí" | "softbounced" | "softbounce" | "delivered" | "verified" => standing_of(Active, None),
        "unsubscribed" | "unsubscribe" | "optedout" | "optout" | "unsub" | "removed" | "cancelled" | "canceled"
        | "abgemeldet" | "désinscrit" | "désabonné" | "baja" | "no" | "false" | "0" | "nein" | "non" | "donotemail"
        | "donotcontact" | "notsubscribed" | "manualsuppression" | "unsubscribes" => {
            standing_of(OptedOut, Some(SuppressionReason::Unsubscribed))
        }
        "complained" | "complaint" | "spam" | "abuse" | "spamcomplaint" | "spamreport" | "markedasspam"
        | "spamreports" | "complaints" | "beschwerde" | "plainte" => {
            standing_of(OptedOut, Some(SuppressionReason::Complained))
        }
        "bounced" | "bounce" | "hardbounced" | "hardbounce" | "cleaned" | "invalid" | "undeliverable" | "dead"
        | "bounces" | "badmailbox" | "unzustellbar" | "hardbounces" | "invalidemail" | "invalidemails"
        | "permanent" => standing_of(Error, Some(SuppressionReason::HardBounced)),
        "unconfirmed"
        | "pending"
        | "notconfirmed"
        | "unverified"
        | "awaitingconfirmation"
        | "nonsubscribed"
        | "unbestätigt"
        | "enattente"
        | "pendiente" => standing_of(Unconfirmed, None),
        "blocked" | "blocklisted" | "blacklisted" | "suppressed" | "blocks" | "banned" | "gesperrt" | "bloqué" => {
            standing_of(Error, Some(SuppressionReason::Manual))
        }
        "error" | "inactive" | "disabled" | "inaktiv" | "inactif" | "inactivo" | "archived" => standing_of(Error, None),
        _ => None,
    }
}

/// Does a value of a yes-or-no column say no? Nothing, zero and dashes do.
pub(crate) fn says_no(value: &str) -> bool {
    matches!(
        fold(value).as_str(),
        "" | "no" | "n" | "false" | "f" | "0" | "nein" | "non" | "none" | "null" | "nan" | "never" | "off" | "nil"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_folded_form_and_without_doubles() {
        for role in Role::ALL {
            for (index, word) in names_of(role).iter().enumerate() {
                assert_eq!(fold(word), *word, "{role:?}");
                assert!(!names_of(role)[..index].contains(word), "{role:?} has {word} twice");
            }
        }
    }

    #[test]
    fn states_of_other_systems_are_understood() {
        let suppress = |word| standing(word).map(|s| s.suppress);
        assert_eq!(suppress("Unsubscribed"), Some(Some(SuppressionReason::Unsubscribed)));
        assert_eq!(suppress("cleaned"), Some(Some(SuppressionReason::HardBounced)));
        assert_eq!(suppress("Hard Bounce"), Some(Some(SuppressionReason::HardBounced)));
        assert_eq!(suppress("SPAM complaint"), Some(Some(SuppressionReason::Complained)));
        assert_eq!(suppress("subscribed"), Some(None));
        assert_eq!(suppress("shipped"), None);
    }
}
