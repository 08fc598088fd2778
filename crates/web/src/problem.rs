//! Refusals on the wire: `application/problem+json` (RFC 9457) with codes that never change their meaning.
//!
//! The codes are one closed table: programs decide by `code`, people read `detail`, which says what to do. The body is
//! written by the outermost layer ([`crate::frame`]), which knows the request's id.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use engine::{Obeyed, SendError};
use serde::Serialize;
use std::time::Duration;
use store::StoreError;
use utoipa::ToSchema;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $status:literal $code:literal $title:literal,)+) => {
        /// Why a request was refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $variant,)+
        }

        impl Code {
            /// Every code, by status.
            pub const ALL: &'static [Code] = &[$(Code::$variant),+];

            /// The word programs decide by.
            pub const fn word(self) -> &'static str {
                match self { $(Code::$variant => $code,)+ }
            }

            /// The HTTP status.
            pub const fn status(self) -> u16 {
                match self { $(Code::$variant => $status,)+ }
            }

            /// The code in words.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)+ }
            }
        }
    };
}

codes! {
    /// The body cannot be read as JSON.
    MalformedJson = 400 "malformed_json" "The body is no JSON",
    /// The query cannot be read.
    MalformedQuery = 400 "malformed_query" "The query cannot be read",
    /// The cursor is not one of this list's.
    InvalidCursor = 400 "invalid_cursor" "The cursor is not one this list has given",
    /// A header cannot be used.
    InvalidHeader = 400 "invalid_header" "A header cannot be used",
    /// Neither a key nor a session.
    NotSignedIn = 401 "not_signed_in" "No valid key or session",
    /// The address or the password is wrong.
    BadCredentials = 401 "bad_credentials" "This address and password do not belong together",
    /// The password is right, and a code of the second factor is asked for.
    SecondFactorNeeded = 401 "second_factor_needed" "A code of the second factor is needed",
    /// The password is right, and the code of the second factor is not.
    SecondFactorWrong = 401 "second_factor_wrong" "This code of the second factor is wrong, too old, or was used",
    /// The caller lacks a scope.
    NotAllowed = 403 "not_allowed" "This key or role may not do that",
    /// The request came from another site's page.
    CrossSite = 403 "cross_site" "The request came from a foreign page",
    /// There is no such thing in this workspace.
    NotFound = 404 "not_found" "There is no such thing",
    /// There is no such address.
    NoSuchRoute = 404 "no_such_route" "There is no such address",
    /// The address exists, but not for this method.
    MethodNotAllowed = 405 "method_not_allowed" "Not with this method",
    /// The request took too long to come in or to be done.
    TimedOut = 408 "timed_out" "The request took too long",
    /// The name is taken.
    AlreadyExists = 409 "already_exists" "There is one already",
    /// Not in the state it is in.
    WrongState = 409 "wrong_state" "Not in this state",
    /// The data directory is a copy, was restored or lost its in-flight file: sending is held.
    Held = 409 "held" "Sending is held here",
    /// A request with this Idempotency-Key is still being done.
    StillRunning = 409 "still_running" "A request with this key is still running",
    /// The first answer showed a secret, which is shown once.
    ShownOnce = 409 "shown_once" "Done before; its answer is shown only once",
    /// The first answer named somebody who was forgotten since.
    AnswerForgotten = 409 "answer_forgotten" "Done before; its answer named somebody who was forgotten",
    /// The body is longer than allowed here.
    TooLarge = 413 "too_large" "The body is too long",
    /// The address and its query are longer than anybody needs.
    AddressTooLong = 414 "address_too_long" "The address is too long",
    /// The body is of another media type.
    UnsupportedMediaType = 415 "unsupported_media_type" "This media type is not understood here",
    /// A field nobody knows.
    UnknownField = 422 "unknown_field" "There is no such field",
    /// A field has a value that cannot be used.
    InvalidField = 422 "invalid_field" "A field cannot be used",
    /// A rule of the house forbids it.
    Refused = 422 "refused" "A rule forbids it",
    /// The Idempotency-Key was used for another request.
    KeyReused = 422 "key_reused" "This Idempotency-Key belongs to another request",
    /// Too many requests of this key or person.
    TooManyRequests = 429 "too_many_requests" "Too many requests",
    /// Too many failed attempts to sign in.
    TooManyAttempts = 429 "too_many_attempts" "Too many failed attempts",
    /// The header fields are too many or too long.
    HeadTooLarge = 431 "head_too_large" "The header fields are too many or too long",
    /// A fault of ours.
    OwnFailure = 500 "own_failure" "A fault of this server",
    /// The ledger cannot record now: the disk is full or failing.
    CannotRecord = 503 "cannot_record" "The ledger cannot record now",
    /// The server is starting or stopping, or does all it can already.
    Unavailable = 503 "unavailable" "Not now",
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The code.
    pub code: Code,
    /// What is wrong and what to do.
    pub detail: String,
    /// The field it is about, as a path (`rules[2].value`).
    pub field: Option<String>,
    /// What else is wrong: fields and details. Whoever filled in a form hears all of it at once.
    pub also: Vec<(String, String)>,
    /// When asking again makes sense.
    pub retry_after: Option<Duration>,
}

/// Another field that cannot be used.
#[derive(Serialize, ToSchema)]
#[schema(as = FieldProblem)]
pub(crate) struct FieldBody {
    /// The field, as a path.
    pub(crate) field: String,
    /// What is wrong with it.
    pub(crate) detail: String,
}

/// A problem as it is sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody {
    /// The code as a name; the reference explains it.
    #[serde(rename = "type")]
    #[schema(example = "urn:postroom:problem:not_found")]
    pub(crate) kind: String,
    /// The code in words.
    pub(crate) title: &'static str,
    /// The HTTP status.
    pub(crate) status: u16,
    /// The word to decide by.
    pub(crate) code: &'static str,
    /// What is wrong and what to do.
    pub(crate) detail: String,
    /// The field it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) field: Option<String>,
    /// The other fields that cannot be used, where there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(inline)]
    pub(crate) also: Vec<FieldBody>,
    /// The request's id, also in the header `X-Request-Id` and in the log.
    pub(crate) request_id: String,
}

impl Problem {
    /// A refusal with its reason.
    pub fn new(code: Code, detail: impl Into<String>) -> Problem {
        Problem { code, detail: detail.into(), field: None, also: Vec::new(), retry_after: None }
    }

    /// A field that cannot be used.
    pub fn field(field: &str, detail: impl Into<String>) -> Problem {
        Problem { field: Some(field.to_owned()), ..Problem::new(Code::InvalidField, detail) }
    }

    /// There is no such thing in the caller's workspace.
    pub fn not_found(what: &str, name: impl std::fmt::Display) -> Problem {
        Problem::new(Code::NotFound, format!("there is no {what} {name}"))
    }

    /// The same, and what else is wrong with fields.
    fn with(mut self, other: Problem) -> Problem {
        self.also.extend(other.field.map(|field| (field, other.detail)));
        self.also.extend(other.also);
        self
    }

    /// The same, about a field unless it is about one already.
    pub(crate) fn about(mut self, field: &str) -> Problem {
        self.field.get_or_insert_with(|| field.to_owned());
        self
    }

    /// The same, its fields being those of a part of what was sent.
    pub(crate) fn within(mut self, part: &str) -> Problem {
        for field in self.field.iter_mut().chain(self.also.iter_mut().map(|(field, _)| field)) {
            *field = format!("{part}.{field}");
        }
        self
    }

    /// Each thing that is wrong: its field, if it is about one, and the detail.
    pub(crate) fn all(&self) -> impl Iterator<Item = (Option<&str>, &str)> {
        let also = self.also.iter().map(|(field, detail)| (Some(field.as_str()), detail.as_str()));
        std::iter::once((self.field.as_deref(), self.detail.as_str())).chain(also)
    }

    /// What is wrong with a field.
    pub(crate) fn of_field(&self, field: &str) -> Option<&str> {
        self.all().find(|(known, _)| *known == Some(field)).map(|(_, detail)| detail)
    }

    /// The body as it is sent.
    pub(crate) fn body(&self, request_id: &str) -> ProblemBody {
        ProblemBody {
            kind: format!("urn:postroom:problem:{}", self.code.word()),
            title: self.code.title(),
            status: self.code.status(),
            code: self.code.word(),
            detail: self.detail.clone(),
            field: self.field.clone(),
            also: self
                .also
                .iter()
                .map(|(field, detail)| FieldBody { field: field.clone(), detail: detail.clone() })
                .collect(),
            request_id: request_id.to_owned(),
        }
    }
}

/// What is wrong with several fields, collected so that it is told at once.
#[derive(Debug, Default)]
pub(crate) struct Faults(Option<Problem>);

impl Faults {
    /// What was read; nothing where it cannot be used, which is kept to be told.
    pub(crate) fn take<T>(&mut self, read: Result<T, Problem>) -> Option<T> {
        read.map_err(|problem| self.add(problem)).ok()
    }

    /// Something is wrong. What is no matter of a field comes before all fields; of several such the first is told.
    pub(crate) fn add(&mut self, problem: Problem) {
        self.0 = Some(match self.0.take() {
            None => problem,
            Some(first) if first.field.is_some() && problem.field.is_none() => problem.with(first),
            Some(first) => first.with(problem),
        });
    }

    /// What was read, if nothing at all is wrong.
    pub(crate) fn pass<T>(self, read: Option<T>) -> Result<T, Problem> {
        self.hold()?;
        read.ok_or_else(|| Code::OwnFailure.into())
    }

    /// Is something told of this field?
    pub(crate) fn knows(&self, field: &str) -> bool {
        self.0.as_ref().is_some_and(|problem| problem.of_field(field).is_some())
    }

    /// Is nothing wrong?
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Refuses with everything that is wrong.
    pub(crate) fn hold(self) -> Result<(), Problem> {
        self.0.map_or(Ok(()), Err)
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Problem {
        Problem::new(code, code.title())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        *response.status_mut() = StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some(wait) = self.retry_after {
            let secs = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs.max(1)));
        }
        if self.code.status() == 401 {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Problem {
        match error {
            SendError::Store(error) => error.into(),
            SendError::Message { why, .. } => Problem::field("message.source", why),
            SendError::Relay { .. } | SendError::Input(_) => Problem::new(Code::InvalidField, error.to_string()),
            SendError::Guard(_) => Problem::new(Code::Refused, error.to_string()),
            SendError::Objections(ref against) => {
                let field = against.first().and_then(engine::Objection::field).map(str::to_owned);
                Problem { field, ..Problem::new(Code::Refused, error.to_string()) }
            }
        }
    }
}

/// What an order to stop came to. One that is in force and cannot be written down is told as such.
pub(crate) fn recorded<T>(obeyed: Obeyed<T>) -> Result<T, Problem> {
    match obeyed {
        Obeyed::Recorded(answer) => Ok(answer),
        Obeyed::Unrecorded => Err(Problem::new(
            Code::CannotRecord,
            "the order is in force, but it cannot be written down yet: the disk is full or fails. That is done as soon as \
             there is room, and nothing is sent before; if the service ends earlier, order it again",
        )),
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Problem {
        let code = match &error {
            StoreError::NotFound { .. } => Code::NotFound,
            StoreError::Exists { .. } => Code::AlreadyExists,
            StoreError::CampaignMove { .. } | StoreError::DeliveryMove { .. } | StoreError::Overtaken => {
                Code::WrongState
            }
            StoreError::Held => Code::Held,
            StoreError::Refused(_) | StoreError::Forgotten => Code::Refused,
            StoreError::Full | StoreError::Io(_) => Code::CannotRecord,
            StoreError::Closed => Code::Unavailable,
            _ => Code::OwnFailure,
        };
        match code {
            // What failed inside is for the log, not for strangers.
            Code::OwnFailure | Code::CannotRecord => {
                tracing::error!(%error, "a request failed");
                Problem { retry_after: Some(Duration::from_secs(5)), ..Problem::from(code) }
            }
            _ => Problem::new(code, error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart() {
        let words: std::collections::BTreeSet<&str> = Code::ALL.iter().map(|code| code.word()).collect();
        assert_eq!(words.len(), Code::ALL.len());
        assert!(Code::ALL.windows(2).all(|pair| pair[0].status() <= pair[1].status()));
    }

    #[test]
    fn every_code_and_scope_is_in_the_reference() {
        let page = include_str!("../../../docs/reference/api.md");
        let scopes = model::access::Scope::ALL.iter().map(|scope| scope.word());
        for word in Code::ALL.iter().map(|code| code.word()).chain(scopes) {
            assert!(page.contains(&format!("`{word}`")), "{word}");
        }
    }

    #[test]
    fn what_is_wrong_with_fields_is_told_beside_what_is_no_matter_of_one() {
        let told = |problems: [Problem; 3]| {
            let mut faults = Faults::default();
            problems.into_iter().for_each(|problem| faults.add(problem));
            let all = faults.hold().unwrap_err();
            all.all().map(|(field, detail)| format!("{}: {detail}", field.unwrap_or("-"))).collect::<Vec<_>>()
        };
        let (name, url) = (|| Problem::field("name", "empty"), || Problem::field("url", "no address"));
        let full = || Problem::new(Code::Refused, "there are too many");
        assert_eq!(told([name(), full(), url()]), ["-: there are too many", "name: empty", "url: no address"]);
        assert_eq!(told([full(), Problem::new(Code::Refused, "and closed"), url()]).len(), 2);
    }

    #[test]
    fn what_failed_inside_is_not_told() {
        let problem = Problem::from(StoreError::Corrupt("page 7 of /var/lib/postroom".to_owned()));
        assert_eq!((problem.code, problem.detail.contains("page")), (Code::OwnFailure, false));
    }
}
