//! Pictures that messages show.

use super::events::NewEvent;
use super::{Ledger, sql_limit};
use crate::error::{Result, StoreError};
use crate::image::{IMAGE_BYTES_MAX, IMAGES_MAX, Image, ImageHash, NewImage};
use model::{Actor, EventKind, Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Row, params};

fn read_image(row: &Row<'_>) -> rusqlite::Result<Image> {
    Ok(Image {
        hash: row.get(0)?,
        kind: row.get(1)?,
        name: row.get(2)?,
        size_bytes: row.get(3)?,
        at: Timestamp::from_millis(row.get(4)?),
    })
}

/// The pictures of a workspace after `after`.
pub(crate) fn list(
    conn: &Connection,
    workspace: WorkspaceId,
    after: Option<ImageHash>,
    limit: usize,
) -> Result<Vec<Image>> {
    let sql = "SELECT o.hash, i.type, o.name, o.size_bytes, o.at FROM image_of o JOIN image i ON i.hash = o.hash
        WHERE o.workspace = ?1 AND o.hash > ?2 ORDER BY o.hash LIMIT ?3";
    let after = after.map_or_else(Vec::new, |hash| hash.to_vec());
    let key = params![workspace.0, after, sql_limit(limit)];
    let mut statement = conn.prepare_cached(sql)?;
    Ok(statement.query_map(key, read_image)?.collect::<rusqlite::Result<_>>()?)
}

/// Type and content of a picture.
pub(crate) fn content(conn: &Connection, hash: &ImageHash) -> Result<Option<(String, Vec<u8>)>> {
    let sql = "SELECT type, bytes FROM image WHERE hash = ?1";
    let mut statement = conn.prepare_cached(sql)?;
    Ok(statement.query_row([hash], |row| Ok((row.get(0)?, row.get(1)?))).optional()?)
}

impl Ledger {
    pub(crate) fn keep_image(
        &mut self,
        workspace: WorkspaceId,
        new: &NewImage,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Image> {
        if new.bytes.len() > IMAGE_BYTES_MAX {
            let text = format!("a picture has at most {} MB", IMAGE_BYTES_MAX / 1024 / 1024);
            return Err(StoreError::Refused(text));
        }
        let sql = "SELECT count(*) FROM image_of WHERE workspace = ?1 AND hash <> ?2";
        let known: i64 = self.conn.prepare_cached(sql)?.query_row(params![workspace.0, new.hash], |row| row.get(0))?;
        if known >= IMAGES_MAX {
            return Err(StoreError::Refused(format!("a workspace has at most {IMAGES_MAX} pictures")));
        }
        let sql = "INSERT INTO image (hash, type, bytes) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING";
        self.conn.prepare_cached(sql)?.execute(params![new.hash, new.kind, new.bytes])?;
        let sql = "INSERT INTO image_of (workspace, hash, name, size_bytes, at) VALUES (?1, ?2, ?3, ?4, ?5)
            ON CONFLICT (workspace, hash) DO UPDATE SET name = excluded.name";
        let size_bytes = i64::try_from(new.bytes.len()).unwrap_or(i64::MAX);
        let row = params![workspace.0, new.hash, new.name, size_bytes, now.as_millis()];
        self.conn.prepare_cached(sql)?.execute(row)?;
        let about = NewEvent::saying(new.name.clone());
        self.event(workspace, EventKind::ImageKept, actor, now, about)?;
        let sql = "SELECT o.hash, i.type, o.name, o.size_bytes, o.at FROM image_of o JOIN image i ON i.hash = o.hash
            WHERE o.workspace = ?1 AND o.hash = ?2";
        Ok(self.conn.prepare_cached(sql)?.query_row(params![workspace.0, new.hash], read_image)?)
    }
}
