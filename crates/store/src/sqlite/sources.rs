//! Sources, pools and the streams that go through them. Small tables, read whole.

use super::events::NewEvent;
use super::{Ledger, word};
use crate::error::{Result, StoreError};
use crate::source::{NewPool, NewSource, POOLS_MAX, Pool, SOURCES_MAX, Source, StreamPool};
use model::{Actor, CampaignKind, EventKind, PoolId, SourceId, Timestamp, WorkspaceId};
use rusqlite::{Connection, OptionalExtension, Params, Row, params};

const COLUMNS: &str = "SELECT id, name, address, ehlo_name, region, proxy, warm_since, since, retired_at FROM source";

fn read_source(row: &Row<'_>) -> Result<Source> {
    let address: Option<String> = row.get(2)?;
    let unread = |text: &String| StoreError::Corrupt(format!("{text:?} is not a network address"));
    Ok(Source {
        id: SourceId(row.get(0)?),
        name: row.get(1)?,
        address: address.map(|text| text.parse().map_err(|_| unread(&text))).transpose()?,
        ehlo_name: row.get(3)?,
        region: row.get(4)?,
        proxy: row.get(5)?,
        warm_since: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_millis),
        since: Timestamp::from_millis(row.get(7)?),
        retired_at: row.get::<_, Option<i64>>(8)?.map(Timestamp::from_millis),
    })
}

fn select(conn: &Connection, rest: &str, params: impl Params) -> Result<Vec<Source>> {
    let mut statement = conn.prepare_cached(&format!("{COLUMNS} {rest}"))?;
    statement.query_and_then(params, read_source)?.collect()
}

/// Every source in order of id.
pub(crate) fn list(conn: &Connection) -> Result<Vec<Source>> {
    select(conn, "ORDER BY id", [])
}

pub(crate) fn require(conn: &Connection, id: SourceId) -> Result<Source> {
    let found = select(conn, "WHERE id = ?1", [id.0])?.pop();
    found.ok_or_else(|| StoreError::NotFound { what: "source", name: id.to_string() })
}

/// Every pool in order of id.
pub(crate) fn pools(conn: &Connection) -> Result<Vec<Pool>> {
    let mut pools: Vec<Pool> = {
        let mut statement = conn.prepare_cached("SELECT id, name, workspace FROM pool ORDER BY id")?;
        let read = |row: &Row<'_>| {
            let workspace = row.get::<_, Option<i64>>(2)?.map(WorkspaceId);
            Ok(Pool { id: PoolId(row.get(0)?), name: row.get(1)?, workspace, members: Vec::new() })
        };
        statement.query_map([], read)?.collect::<rusqlite::Result<_>>()?
    };
    let mut statement =
        conn.prepare_cached("SELECT source, weight FROM pool_member WHERE pool = ?1 ORDER BY source")?;
    for pool in &mut pools {
        let rows = statement.query_map([pool.id.0], |row| Ok((SourceId(row.get(0)?), row.get(1)?)))?;
        pool.members = rows.collect::<rusqlite::Result<_>>()?;
    }
    Ok(pools)
}

fn require_pool(conn: &Connection, id: PoolId) -> Result<Pool> {
    let found = pools(conn)?.into_iter().find(|pool| pool.id == id);
    found.ok_or_else(|| StoreError::NotFound { what: "pool", name: id.to_string() })
}

/// Streams that were given a pool or a region.
pub(crate) fn stream_pools(conn: &Connection) -> Result<Vec<StreamPool>> {
    let sql = "SELECT workspace, kind, pool, region FROM stream_pool ORDER BY workspace, kind";
    let mut statement = conn.prepare_cached(sql)?;
    let rows = statement.query_and_then([], |row| {
        Ok(StreamPool {
            workspace: WorkspaceId(row.get(0)?),
            kind: word!(CampaignKind, row.get(1)?)?,
            pool: row.get::<_, Option<i64>>(2)?.map(PoolId),
            region: row.get(3)?,
        })
    })?;
    rows.collect()
}

/// Does the text of a proxy carry a password? It belongs into the secrets file.
fn holds_a_password(proxy: &str) -> bool {
    let authority = proxy.split_once("://").map_or(proxy, |(_, rest)| rest);
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
}

impl Ledger {
    /// Makes or changes the source with a name.
    pub(crate) fn put_source(&mut self, new: &NewSource, actor: &Actor, now: Timestamp) -> Result<Source> {
        let refuse = |text: String| Err(StoreError::Refused(text));
        if new.name.trim().is_empty() {
            return refuse("a source needs a name".to_owned());
        }
        if new.proxy.as_deref().is_some_and(holds_a_password) {
            return refuse("the password of a proxy is kept as a secret, not in its address".to_owned());
        }
        let sql = "SELECT id FROM source WHERE name = ?1";
        let known: Option<i64> = self.conn.query_row(sql, [&new.name], |row| row.get(0)).optional()?;
        let count: i64 = self.conn.query_row("SELECT count(*) FROM source", [], |row| row.get(0))?;
        if known.is_none() && usize::try_from(count).is_ok_and(|count| count >= SOURCES_MAX) {
            return refuse(format!("there are {count} sources, and more than {SOURCES_MAX} are not kept"));
        }
        if known == Some(SourceId::THIS_MACHINE.0) {
            let text =
                "this machine's own way out is bound to no address; add the address as a source with a name of its own";
            return refuse(text.to_owned());
        }
        let id = known.unwrap_or_else(|| self.new_id(now));
        self.conn.execute(
            "INSERT INTO source (id, name, address, ehlo_name, region, proxy, warm_since, since)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET address = excluded.address, ehlo_name = excluded.ehlo_name,
                region = excluded.region, proxy = excluded.proxy, warm_since = excluded.warm_since, retired_at = NULL",
            params![
                id,
                new.name,
                new.address.map(|address| address.to_string()),
                new.ehlo_name,
                new.region,
                new.proxy,
                new.warm_since.map(Timestamp::as_millis),
                now.as_millis()
            ],
        )?;
        self.source_event(new.name.clone(), actor, now)?;
        require(&self.conn, SourceId(id))
    }

    /// Takes a source out of use.
    pub(crate) fn retire_source(&mut self, id: SourceId, actor: &Actor, now: Timestamp) -> Result<Source> {
        let source = require(&self.conn, id)?;
        if id == SourceId::THIS_MACHINE {
            let text = "this machine's own way out cannot be retired; leave it out of the pools instead";
            return Err(StoreError::Refused(text.to_owned()));
        }
        if source.retired_at.is_some() {
            return Ok(source);
        }
        if let Some(pool) = pools(&self.conn)?.iter().find(|pool| matches!(pool.members[..], [(only, _)] if only == id))
        {
            let text =
                format!("{:?} is the last source of the pool {:?}; change the pool first", source.name, pool.name);
            return Err(StoreError::Refused(text));
        }
        self.conn.execute("DELETE FROM pool_member WHERE source = ?1", [id.0])?;
        self.conn.execute("UPDATE source SET retired_at = ?2 WHERE id = ?1", params![id.0, now.as_millis()])?;
        self.source_event(format!("{} retired", source.name), actor, now)?;
        require(&self.conn, id)
    }

    /// Makes or changes the pool with a name.
    pub(crate) fn put_pool(&mut self, new: &NewPool, actor: &Actor, now: Timestamp) -> Result<Pool> {
        let refuse = |text: String| Err(StoreError::Refused(text));
        if new.name.trim().is_empty() || new.members.is_empty() {
            return refuse("a pool needs a name and at least one source".to_owned());
        }
        if new.members.iter().any(|(_, weight)| *weight == 0) {
            return refuse("a weight of 0 sends nothing; leave the source out of the pool".to_owned());
        }
        for (at, (source, _)) in new.members.iter().enumerate() {
            let source = require(&self.conn, *source)?;
            if new.members.iter().skip(at + 1).any(|(other, _)| *other == source.id) {
                return refuse(format!("{:?} is named twice", source.name));
            }
            if source.retired_at.is_some() {
                return refuse(format!("{:?} is retired", source.name));
            }
        }
        let known = pools(&self.conn)?;
        let id = match known.iter().find(|pool| pool.name == new.name) {
            Some(pool) => pool.id.0,
            None if known.len() >= POOLS_MAX => return refuse(format!("more than {POOLS_MAX} pools are not kept")),
            None => self.new_id(now),
        };
        let sql = "INSERT INTO pool (id, name, workspace) VALUES (?1, ?2, ?3)
            ON CONFLICT (id) DO UPDATE SET workspace = excluded.workspace";
        self.conn.execute(sql, params![id, new.name, new.workspace.map(|workspace| workspace.0)])?;
        self.conn.execute("DELETE FROM pool_member WHERE pool = ?1", [id])?;
        for (source, weight) in &new.members {
            let sql = "INSERT INTO pool_member (pool, source, weight) VALUES (?1, ?2, ?3)
                ON CONFLICT (pool, source) DO UPDATE SET weight = excluded.weight";
            self.conn.execute(sql, params![id, source.0, weight])?;
        }
        self.source_event(format!("pool {}: {} sources", new.name, new.members.len()), actor, now)?;
        require_pool(&self.conn, PoolId(id))
    }

    /// Removes a pool that no stream uses.
    pub(crate) fn remove_pool(&mut self, id: PoolId, actor: &Actor, now: Timestamp) -> Result<()> {
        let pool = require_pool(&self.conn, id)?;
        if let Some(stream) = stream_pools(&self.conn)?.iter().find(|stream| stream.pool == Some(id)) {
            let text = format!("the {} stream goes through {:?}; give it another pool first", stream.kind, pool.name);
            return Err(StoreError::Refused(text));
        }
        self.conn.execute("DELETE FROM pool_member WHERE pool = ?1", [id.0])?;
        self.conn.execute("DELETE FROM pool WHERE id = ?1", [id.0])?;
        self.source_event(format!("pool {} removed", pool.name), actor, now)
    }

    /// Says through which pool a stream goes.
    pub(crate) fn set_stream_pool(&mut self, stream: &StreamPool, actor: &Actor, now: Timestamp) -> Result<()> {
        let pool = stream.pool.map(|id| require_pool(&self.conn, id)).transpose()?;
        if let Some(pool) = pool.as_ref().filter(|pool| pool.workspace.is_some_and(|owner| owner != stream.workspace)) {
            return Err(StoreError::Refused(format!("the pool {:?} belongs to another workspace", pool.name)));
        }
        let key = params![stream.workspace.0, stream.kind.code()];
        self.conn.execute("DELETE FROM stream_pool WHERE workspace = ?1 AND kind = ?2", key)?;
        if stream.pool.is_some() || stream.region.is_some() {
            let sql = "INSERT INTO stream_pool (workspace, kind, pool, region) VALUES (?1, ?2, ?3, ?4)";
            let pool = stream.pool.map(|id| id.0);
            self.conn.execute(sql, params![stream.workspace.0, stream.kind.code(), pool, stream.region])?;
        }
        let through = pool.map_or_else(|| "every shared source".to_owned(), |pool| format!("pool {}", pool.name));
        let detail = Some(format!("{} through {through}", stream.kind));
        let about = NewEvent { detail, ..NewEvent::default() };
        self.event(stream.workspace, EventKind::SourceChanged, actor, now, about)
    }

    /// Sources belong to no workspace; their events are told in the first.
    fn source_event(&mut self, detail: String, actor: &Actor, now: Timestamp) -> Result<()> {
        let about = NewEvent::saying(detail);
        self.event(WorkspaceId::FIRST, EventKind::SourceChanged, actor, now, about)
    }
}
