//! Pictures that messages show: kept in the ledger, so that a backup has them, and never removed, because a message may
//! be looked at years later.

use crate::Store;
use crate::error::Result;
use crate::sqlite::images;
use model::{Actor, Timestamp, WorkspaceId};

/// The longest picture, in octets.
pub const IMAGE_BYTES_MAX: usize = 5 * 1024 * 1024;
/// The most pictures of a workspace.
pub const IMAGES_MAX: i64 = 10_000;

/// The SHA-256 of a picture's content.
pub type ImageHash = [u8; 32];

/// A picture of a workspace, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// By which it is found.
    pub hash: ImageHash,
    /// Its media type: `image/png`.
    pub kind: String,
    /// What the workspace calls it.
    pub name: String,
    /// Its length in octets.
    pub size_bytes: u64,
    /// When the workspace sent it in.
    pub at: Timestamp,
}

/// A picture to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewImage {
    /// The SHA-256 of `bytes`.
    pub hash: ImageHash,
    /// Its media type.
    pub kind: &'static str,
    /// What the workspace calls it.
    pub name: String,
    /// The content.
    pub bytes: Vec<u8>,
}

impl Store {
    /// Keeps a picture; one that is known is only named again. Refused: more than [`IMAGES_MAX`], longer than
    /// [`IMAGE_BYTES_MAX`].
    pub async fn keep_image(
        &self,
        workspace: WorkspaceId,
        new: NewImage,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Image> {
        let actor = actor.clone();
        self.core.lanes.write(move |ledger| ledger.keep_image(workspace, &new, &actor, now)).await
    }
    /// The pictures of a workspace in the order of their hashes, after `after`.
    pub async fn images(&self, workspace: WorkspaceId, after: Option<ImageHash>, limit: usize) -> Result<Vec<Image>> {
        self.core.lanes.read(move |conn| images::list(conn, workspace, after, limit)).await
    }
    /// Media type and content of a picture, whosoever it is: who knows the hash has seen the message.
    pub async fn image_content(&self, hash: ImageHash) -> Result<Option<(String, Vec<u8>)>> {
        self.core.lanes.read(move |conn| images::content(conn, &hash)).await
    }
}
