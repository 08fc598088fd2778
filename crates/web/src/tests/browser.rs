//! Somebody at a browser: the cookie, and what browsers say of themselves.

use super::house::{Answer, House};
use crate::auth::sign_in;
use axum::body::Body;
use axum::http::{Method, Request};
use model::{Actor, Role, WorkspaceId};
use std::net::IpAddr;

/// Somebody who is signed in.
pub(super) struct Browser<'h> {
    house: &'h House,
    pub(super) cookie: String,
}

/// Somebody in a role of the first workspace.
pub(super) async fn roles(house: &House, role: Role) -> Browser<'_> {
    let (store, now) = (&house.app.store, house.app.now());
    let email = format!("{}@first.example", role.word());
    let member = store.add_member(WorkspaceId::FIRST, &email, "Kim", role, &Actor::Engine, now).await.unwrap();
    let whence = sign_in::Whence { ip: IpAddr::from([127, 0, 0, 1]), agent: None };
    let (secret, _) = sign_in::begin(&house.app, member.user.id, &whence).await.unwrap();
    Browser { house, cookie: format!("postroom={secret}") }
}

impl<'h> Browser<'h> {
    pub(super) async fn owner(house: &'h House) -> Browser<'h> {
        roles(house, Role::Owner).await
    }

    /// Somebody with this cookie.
    pub(super) fn of(house: &'h House, cookie: &str) -> Browser<'h> {
        Browser { house, cookie: cookie.to_owned() }
    }

    pub(super) async fn look(&self, path: &str) -> Answer {
        let request = Request::builder().uri(path).header("cookie", &self.cookie).body(Body::empty()).unwrap();
        self.house.send(request).await
    }

    /// A form of a page of ours.
    pub(super) async fn submit(&self, path: &str, form: &str) -> Answer {
        self.send(path, "application/x-www-form-urlencoded", form.to_owned()).await
    }

    /// The same, in whatever way it is written down.
    pub(super) async fn send(&self, path: &str, kind: &str, body: String) -> Answer {
        let request = Request::builder()
            .method(Method::POST)
            .uri(path)
            .header("cookie", &self.cookie)
            .header("sec-fetch-site", "same-origin")
            .header("content-type", kind)
            .body(Body::from(body))
            .unwrap();
        self.house.send(request).await
    }
}
