//! The doors of the HTTP server: sockets, TLS, and a bounded number of connections.
//!
//! Kept out of `web`, whose router needs no port. Invariants: a connection that says nothing is closed, a certificate can
//! be changed while connections go on, and stopping lets requests that have begun end.

use crate::failure::Failure;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use model::Timestamp;
use net::{Stream, TlsServer};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use web::Peer;

/// Connections at once over all doors.
const CONNECTIONS_MAX: u32 = 2_048;
/// How long the head of a request may take, and how long a kept connection may be silent.
const HEAD_WAIT: Duration = Duration::from_secs(30);
/// How long a TLS handshake may take.
const HANDSHAKE_WAIT: Duration = Duration::from_secs(10);
/// Octets of a request's head: twice what `web` takes, so that most who send too much are told so in the API's words.
const HEAD_BYTES_MAX: usize = 128 * 1024;
/// Header fields of a request, likewise.
const HEAD_FIELDS_MAX: usize = 256;
/// The largest certificate or key file, in bytes.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// The certificate files, and what was last read from them.
pub(crate) struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    server: RwLock<TlsServer>,
}

impl Certificate {
    /// Reads the files.
    pub(crate) fn read(chain: PathBuf, key: PathBuf) -> Result<Certificate, Failure> {
        let server = RwLock::new(read_pair(&chain, &key)?);
        Ok(Certificate { chain, key, server })
    }

    /// Reads the files again; new connections get what they hold. Files that cannot be used change nothing.
    pub(crate) fn reload(&self) -> Result<(), Failure> {
        let fresh = read_pair(&self.chain, &self.key)?;
        *self.server.write().unwrap_or_else(PoisonError::into_inner) = fresh;
        Ok(())
    }

    /// When it ends.
    pub(crate) fn ends_at(&self) -> Option<Timestamp> {
        self.server().ends_at()
    }

    fn server(&self) -> TlsServer {
        self.server.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn read_pair(chain: &Path, key: &Path) -> Result<TlsServer, Failure> {
    TlsServer::from_pem(&read_bounded(chain)?, &read_bounded(key)?)
        .map_err(|why| Failure::bad_input(format!("{} and {}: {why}", chain.display(), key.display())))
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, Failure> {
    let wrong = |why: &dyn std::fmt::Display| Failure::bad_input(format!("{}: {why}", path.display()));
    let size = std::fs::metadata(path).map_err(|error| wrong(&error))?.len();
    if size > PEM_BYTES_MAX {
        return Err(wrong(&format!("it has {size} bytes, which is no certificate")));
    }
    std::fs::read(path).map_err(|error| wrong(&error))
}

/// Opens a door.
pub(crate) async fn open(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::own(format!("cannot listen at {address}"), error).advise("name another address: --listen IP:PORT")
    })
}

/// Serves at the doors until `stop` says so, then until the requests that have begun are answered.
pub(crate) async fn serve(
    doors: Vec<TcpListener>,
    certificate: Option<Arc<Certificate>>,
    router: Router,
    stop: watch::Receiver<bool>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    let house = House { certificate, router, places: places.clone(), stop };
    let attended = doors.into_iter().map(|door| tokio::spawn(attend(door, house.clone())));
    for door in attended.collect::<Vec<_>>() {
        if let Err(error) = door.await {
            tracing::error!(%error, "a door of the server broke");
        }
    }
    // Every connection has its place until it ends.
    places.acquire_many(CONNECTIONS_MAX).await.map(drop).unwrap_or_default();
}

#[derive(Clone)]
struct House {
    certificate: Option<Arc<Certificate>>,
    router: Router,
    places: Arc<Semaphore>,
    stop: watch::Receiver<bool>,
}

async fn attend(door: TcpListener, house: House) {
    let mut stop = house.stop.clone();
    loop {
        let Ok(place) = Arc::clone(&house.places).acquire_owned().await else { return };
        tokio::select! { biased;
            () = told(&mut stop) => return,
            accepted = door.accept() => match accepted {
                Ok((stream, peer)) => {
                    tokio::spawn(converse(stream, peer.ip(), house.clone(), place));
                }
                // Out of file descriptors: wait for some to come free.
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
        }
    }
}

/// Waits for the order to stop.
async fn told(stop: &mut watch::Receiver<bool>) {
    // Nobody is left to give the order: then it is time, too.
    stop.wait_for(|stop| *stop).await.map(drop).unwrap_or_default();
}

/// One connection, from the handshake to its end.
async fn converse(stream: TcpStream, peer: IpAddr, mut house: House, _place: OwnedSemaphorePermit) {
    stream.set_nodelay(true).ok();
    let stream: Box<dyn Stream> = match &house.certificate {
        None => Box::new(stream),
        Some(certificate) => {
            let server = certificate.server();
            match tokio::time::timeout(HANDSHAKE_WAIT, server.accept(Box::new(stream))).await {
                Ok(Ok((encrypted, _version))) => encrypted,
                Ok(Err(_)) | Err(_) => return,
            }
        }
    };
    let router = house.router.layer(axum::Extension(Peer(peer.to_canonical())));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WAIT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEAD_FIELDS_MAX)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(connection);
    // How a client leaves is its own business.
    tokio::select! { biased;
        _ = connection.as_mut() => return,
        () = told(&mut house.stop) => connection.as_mut().graceful_shutdown(),
    }
    connection.await.ok();
}
